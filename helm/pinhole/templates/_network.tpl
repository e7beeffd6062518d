{{/* What follows from network.mode. Empty text is false. */}}

{{- define "pinhole.isHost" -}}{{ if eq .Values.network.mode "host" }}true{{ end }}{{- end }}

{{- define "pinhole.ports" -}}
{{- $ranges := dict "host" "20000-29999" "loadBalancer" "20000-20099" "nodePort" "30100-30199" -}}
{{- default (get $ranges .Values.network.mode) .Values.relay.ports -}}
{{- end }}
{{- define "pinhole.firstPort" -}}{{ splitList "-" (include "pinhole.ports" .) | first | int }}{{- end }}
{{- define "pinhole.lastPort" -}}{{ splitList "-" (include "pinhole.ports" .) | last | int }}{{- end }}

{{/* An address as it stands before a colon and a port. */}}
{{- define "pinhole.bracketed" -}}{{ if contains ":" . }}[{{ . }}]{{ else }}{{ . }}{{ end }}{{- end }}

{{/* The pod's own address as seen from inside it. */}}
{{- define "pinhole.loopback" -}}{{ if contains ":" .Values.network.sip.address }}[::1]{{ else }}127.0.0.1{{ end }}{{- end }}

{{/* What peers see of a B2BUA: host, or host:port where a node port stands in front. $(HOST_IP) is filled in by Kubernetes. */}}
{{- define "pinhole.sipAdvertise" -}}
{{- $host := default "$(HOST_IP)" .Values.network.advertise -}}
{{- if eq .Values.network.mode "nodePort" -}}
{{- $isIPv6 := or (contains ":" $host) (and (not .Values.network.advertise) (contains ":" .Values.network.sip.address)) -}}
{{ if $isIPv6 }}[{{ $host }}]{{ else }}{{ $host }}{{ end }}:{{ .Values.network.sip.nodePort }}
{{- else -}}
{{ $host }}
{{- end -}}
{{- end }}

{{- define "pinhole.mediaAdvertise" -}}
{{- coalesce .Values.relay.advertise .Values.network.advertise "$(HOST_IP)" -}}
{{- end }}

{{/* B2BUA and relay of a pair have one name in Redis: that is how a relay's "media has stopped" finds its B2BUA. */}}
{{- define "pinhole.node" -}}
{{- if include "pinhole.isHost" . -}}$(NODE_NAME){{- else -}}{{ include "pinhole.fullname" . }}-$(POD_INDEX){{- end -}}
{{- end }}

{{/* Where a B2BUA finds its relay. In the cluster's network that is a Service a relay: its address outlives the pod. */}}
{{- define "pinhole.ng" -}}
{{- if include "pinhole.isHost" . -}}
127.0.0.1:{{ .Values.relay.ngPort }}
{{- else -}}
{{ include "pinhole.fullname" . }}-relay-$(POD_INDEX):{{ .Values.relay.ngPort }}
{{- end -}}
{{- end }}

{{/* The environment that tells a B2BUA or relay which pod it is. */}}
{{- define "pinhole.podEnv" -}}
- name: HOST_IP
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- if include "pinhole.isHost" . }}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- else }}
- name: POD_INDEX
  valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
{{- end }}
- name: PINHOLE_NODE
  value: {{ include "pinhole.node" . }}
{{- if .Values.metrics.enabled }}
{{- $address := ternary "[$(POD_IP)]" "$(POD_IP)" (contains ":" .Values.network.sip.address) }}
- name: PINHOLE_MONITORING__B2BUA
  value: {{ printf "%s:%v" $address .Values.metrics.b2buaPort | quote }}
- name: PINHOLE_MONITORING__RELAY
  value: {{ printf "%s:%v" $address .Values.metrics.relayPort | quote }}
{{- end }}
{{- end }}

{{/* The head of a Service that peers reach. Local: a trunk is known by the address it sends from, which must arrive as it is. */}}
{{- define "pinhole.outsideService" -}}
externalTrafficPolicy: Local
{{- if eq .Values.network.mode "nodePort" }}
type: NodePort
{{- else }}
type: LoadBalancer
{{- with .Values.network.loadBalancer.class }}
loadBalancerClass: {{ . }}
{{- end }}
{{- end }}
{{- end }}
