{{/* The parts that all pods share. Called with (dict "root" $ "component" NAME "values" ITS-VALUES). */}}

{{- define "pinhole.podMetadata" -}}
labels:
  {{- include "pinhole.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  {{- include "pinhole.checksum" (dict "root" .root "component" (default .component .config)) | nindent 2 }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Everything of a pod but its containers, volumes and affinity. */}}
{{- define "pinhole.podBase" -}}
serviceAccountName: {{ include "pinhole.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- if and (has .component (list "b2bua" "relay")) (include "pinhole.isHost" .root) }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
securityContext:
  {{- include "pinhole.podSecurity" . | nindent 2 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if (.values.topologySpread).enabled }}
topologySpreadConstraints:
  - maxSkew: {{ .values.topologySpread.maxSkew }}
    topologyKey: {{ .values.topologySpread.topologyKey }}
    whenUnsatisfiable: {{ .values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "pinhole.selector" . | nindent 8 }}
{{- end }}
{{- end }}

{{/* Only the relay's kernel forwarding needs privileges. Capabilities of a container reach a program of another user than
     root by file capabilities alone, and those do not go with allowPrivilegeEscalation: false. So it is root, who can do
     nothing here but what the two capabilities say. */}}
{{- define "pinhole.isPrivileged" -}}
{{- if and (eq .component "relay") (ne .root.Values.relay.forwarding "userspace") }}true{{ end }}
{{- end }}

{{- define "pinhole.podSecurity" -}}
{{- if include "pinhole.isPrivileged" . -}}
runAsNonRoot: false
runAsUser: 0
runAsGroup: 0
{{- else -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
{{- end }}
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "pinhole.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  {{- if include "pinhole.isPrivileged" . }}
  add: [BPF, NET_ADMIN]
  {{- end }}
{{- end }}

{{- define "pinhole.antiAffinity" -}}
podAntiAffinity:
  {{- if eq .values.antiAffinity "required" }}
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "pinhole.selector" . | nindent 10 }}
  {{- else }}
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "pinhole.selector" . | nindent 12 }}
  {{- end }}
{{- end }}

{{/* Where the configuration and the secrets are. */}}
{{- define "pinhole.files" -}}
- name: PINHOLE_CONFIG
  value: /etc/pinhole/pinhole.yaml
{{- if include "pinhole.secretSources" . }}
- name: PINHOLE_SECRETS_DIR
  value: /run/secrets/pinhole
{{- end }}
{{- end }}

{{- define "pinhole.mounts" -}}
- {name: config, mountPath: /etc/pinhole, readOnly: true}
{{- if include "pinhole.secretSources" . }}
- {name: secrets, mountPath: /run/secrets/pinhole, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /var/lib/pinhole}
{{- end }}

{{- define "pinhole.volumes" -}}
- name: config
  configMap:
    name: {{ include "pinhole.fullname" .root }}-{{ default .component .config }}
{{- with include "pinhole.secretSources" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | nindent 6 }}
{{- end }}
- name: tmp
  emptyDir: {}
- name: data
  emptyDir: {}
{{- end }}

{{/* A relay needs Redis only; passwords of trunks and users stay with those that look at them. */}}
{{- define "pinhole.secretSources" -}}
{{- if and .root.Values.credentials.existingSecret (ne .component "relay") }}
- secret:
    name: {{ .root.Values.credentials.existingSecret }}
{{- end }}
{{- if .root.Values.redis.existingSecret }}
- secret:
    name: {{ .root.Values.redis.existingSecret }}
    items:
      - {key: {{ .root.Values.redis.existingSecretKey | quote }}, path: redis__url}
{{- end }}
{{- end }}

{{/* Probes that ask the process itself, over the protocol that it is there for. */}}
{{- define "pinhole.execProbes" -}}
{{- range $name, $probe := .values.probes }}
{{ $name }}Probe:
  exec:
    command: [python, -m, ops.liveness, {{ $.asks }}, {{ $.at | quote }}{{ if ne $name "readiness" }}, --any-answer{{ end }}]
  {{- toYaml $probe | nindent 2 }}
{{- end }}
{{- end }}

{{- define "pinhole.httpProbes" -}}
{{- range $name, $probe := .values.probes }}
{{ $name }}Probe:
  httpGet: {path: /health/{{ if eq $name "readiness" }}ready{{ else }}live{{ end }}, port: http}
  {{- toYaml $probe | nindent 2 }}
{{- end }}
{{- end }}

{{/* What the pods of `helm test` share. */}}
{{- define "pinhole.testPod" -}}
restartPolicy: Never
serviceAccountName: {{ include "pinhole.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "pinhole.podSecurity" . | nindent 2 }}
{{- end }}
