{{/* Names and labels. A component is b2bua, relay, ops or valkey. */}}

{{- define "pinhole.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of every object. Short enough that Service names (63) and node names in Redis (64) hold what is appended. */}}
{{- define "pinhole.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "pinhole.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "pinhole.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What never changes in a release: StatefulSets and Deployments cannot change their selectors. */}}
{{- define "pinhole.selector" -}}
app.kubernetes.io/name: {{ include "pinhole.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "pinhole.labels" -}}
{{ include "pinhole.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pinhole.metadata" -}}
name: {{ include "pinhole.fullname" .root }}-{{ default .component .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "pinhole.labels" . | nindent 2 }}
{{- end }}

{{- define "pinhole.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "pinhole.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "pinhole.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
