"""A stub Kubernetes API server: as much of discovery and of reading and writing objects as Helm needs.

No schemas, defaults or controllers: what Helm writes is kept as it came.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import yaml

KINDS = {
    "v1": {
        "pods": "Pod",
        "services": "Service",
        "configmaps": "ConfigMap",
        "secrets": "Secret",
        "serviceaccounts": "ServiceAccount",
    },
    "apps/v1": {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
    "networking.k8s.io/v1": {"networkpolicies": "NetworkPolicy"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "monitoring.coreos.com/v1": {"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"},
}
"""Group and version -> plural -> kind; all of them in namespaces."""

_VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"}


class ApiServer(ThreadingHTTPServer):
    """Listens on loopback until it is closed. ``objects`` by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, dict[str, Any]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def kubeconfig(self, namespace: str) -> str:
        """What Helm is told."""
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "stub", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
                "users": [{"name": "stub", "user": {}}],
                "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub", "namespace": namespace}}],
                "current-context": "stub",
            }
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name for it
        """Nothing on stderr."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if (found := _discovery(path) or self.server.objects.get(path)) is not None:
            self._reply(200, found)
        else:
            self._fail(404, "NotFound")

    def do_POST(self) -> None:
        item = self._body()
        path = f"{urlsplit(self.path).path}/{item['metadata']['name']}"
        if path in self.server.objects:
            self._fail(409, "AlreadyExists")
        else:
            self._store(path, item, 201)

    def do_PUT(self) -> None:
        self._store(urlsplit(self.path).path, self._body(), 200)

    def do_PATCH(self) -> None:
        """Taken, but not applied: what an upgrade makes of an object is in the manifest that Helm returns."""
        self._body()
        self._reply(200, self.server.objects[urlsplit(self.path).path])

    def do_DELETE(self) -> None:
        self._body()
        found = self.server.objects.pop(urlsplit(self.path).path, None)
        if found is None:
            return self._fail(404, "NotFound")
        return self._reply(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _store(self, path: str, item: dict[str, Any], status: int) -> None:
        item["metadata"].update(uid=path, resourceVersion="1", creationTimestamp="2026-01-01T00:00:00Z")
        self.server.objects[path] = item
        self._reply(status, item)

    def _body(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def _fail(self, code: int, reason: str) -> None:
        self._reply(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})

    def _reply(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _discovery(path: str) -> dict[str, Any] | None:
    if path == "/version":
        return _VERSION
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in KINDS if "/" in name]}
    match = re.fullmatch(r"/apis?/(v1|[^/]+/[^/]+)", path)
    return _resources(match[1]) if match and match[1] in KINDS else None


def _group(group_version: str) -> dict[str, Any]:
    name, version = group_version.split("/")
    served = {"groupVersion": group_version, "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _resources(group_version: str) -> dict[str, Any]:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": [
            {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}
            for plural, kind in KINDS[group_version].items()
        ],
    }
