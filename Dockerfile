# Pinhole's image: the native wheel and the relay's program for the kernel, nothing that compiles, no root.
#
#   docker build --tag pinhole:0.1.0 .
#   docker run --network host --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#       --volume ./pinhole.yaml:/etc/pinhole/pinhole.yaml:ro --volume pinhole:/var/lib/pinhole pinhole:0.1.0
#
# tests/image runs the steps below without Docker; docs/install.md says what that proves and what it does not.

FROM python:3.12-slim-bookworm AS bpf
RUN apt-get update \
    && apt-get install --yes --no-install-recommends clang llvm libbpf-dev linux-libc-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY media_relay/forwarding/build_bpf.py media_relay/forwarding/relay.bpf.c ./
RUN python build_bpf.py /src

FROM python:3.12-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/pinhole UV_PYTHON=/usr/local/bin/python3.12 UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /src
# The packages of others first: they change seldom, and this layer is used again.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY hatch_build.py README.md LICENSE ./
COPY sdp sdp
COPY media_relay media_relay
COPY b2bua b2bua
COPY ops ops
RUN PINHOLE_NATIVE=1 uv sync --frozen --no-dev --no-editable

FROM python:3.12-slim-bookworm
# Kernel forwarding loads its program with libbpf.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libbpf1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 pinhole \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin pinhole \
    && install --directory --owner 10001 --group 10001 /var/lib/pinhole
COPY --from=build /opt/pinhole /opt/pinhole
COPY --from=bpf /src/relay.bpf.o /opt/pinhole/lib/python3.12/site-packages/media_relay/forwarding/
ENV PATH=/opt/pinhole/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PINHOLE_DATA_DIR=/var/lib/pinhole
USER 10001:10001
WORKDIR /var/lib/pinhole
VOLUME /var/lib/pinhole
EXPOSE 5060/udp 5060/tcp 8080/tcp
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-m", "ops.liveness", "sip", "udp:127.0.0.1:5060"]
ENTRYPOINT ["pinhole"]
CMD ["run"]
