{{/* The configuration files. Each process gets what it needs: a relay knows no trunk, so a new trunk restarts no relay. */}}

{{- define "pinhole.common" -}}
data_dir: /var/lib/pinhole
redis:
  {{- if .Values.valkey.enabled }}
  url: redis://{{ include "pinhole.fullname" . }}-valkey:6379/0
  {{- else if .Values.redis.url }}
  url: {{ .Values.redis.url | quote }}
  {{- end }}
  prefix: {{ .Values.redis.prefix | quote }}
  ladder_kept: {{ .Values.redis.ladder_kept }}
logs: {{ toJson .Values.logs }}
{{- end }}

{{- define "pinhole.b2buaConfig" -}}
{{- $sip := .Values.network.sip }}
listen:
  {{- range $sip.transports }}
  - {{ printf "%s:%s:%v" . (include "pinhole.bracketed" $sip.address) $sip.port | quote }}
  {{- end }}
{{- range $section := list "trunks" "routes" "users" "registrar" "limits" "timers" }}
{{- with get $.Values $section }}
{{ $section }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{ include "pinhole.common" . }}
{{- end }}

{{- define "pinhole.relayConfig" -}}
{{- $relay := .Values.relay }}
relay:
  {{- $anywhere := include "pinhole.bracketed" .Values.network.sip.address }}
  ng: {{ printf "%s:%v" (ternary "127.0.0.1" $anywhere (include "pinhole.isHost" . | empty | not)) $relay.ngPort | quote }}
  ports: {{ include "pinhole.ports" . }}
  forwarding: {{ $relay.forwarding }}
  quarantine: {{ $relay.quarantine }}
  media_timeout: {{ $relay.media_timeout }}
  learn_window: {{ $relay.learn_window }}
{{ include "pinhole.common" . }}
{{- end }}

{{/* The API shows the effective configuration of the engine, and has a section of its own. */}}
{{- define "pinhole.opsConfig" -}}
{{ include "pinhole.b2buaConfig" . | trim }}
ops:
  listen: {{ include "pinhole.bracketed" .Values.network.sip.address | printf "%s:8080" | quote }}
  {{- with .Values.ops.tokens }}
  tokens:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Changes when the component's configuration does, and so restarts its pods. */}}
{{- define "pinhole.checksum" -}}
checksum/config: {{ include (printf "pinhole.%sConfig" .component) .root | sha256sum }}
{{- end }}
