{{/* What a schema cannot say: values that do not fit together. Each message names the value and what to do. */}}

{{- define "pinhole.checks" -}}
{{- $values := .Values }}
{{- $mode := .Values.network.mode }}
{{- if and (not .Values.trunks) (not .Values.users) }}
{{- fail "\n\ntrunks, users: neither is set, so nobody could call. See the examples in the chart's README." }}
{{- end }}
{{- range $section := list "trunks" "users" }}
{{- range $name, $entry := get $values $section }}
{{- if hasKey (default dict $entry) "password" }}
{{- fail (printf "\n\n%s.%s.password: passwords do not belong into values. Put it into the Secret that credentials.existingSecret names, and its key into %s.%s.password_secret." $section $name $section $name) }}
{{- end }}
{{- if and $entry.password_secret (not $values.credentials.existingSecret) }}
{{- fail (printf "\n\n%s.%s.password_secret: credentials.existingSecret is not set. Make a Secret with the key %q and name it there." $section $name $entry.password_secret) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $token := $values.ops.tokens }}
{{- if hasKey $token "token" }}
{{- fail (printf "\n\nops.tokens.%s.token: tokens do not belong into values. Put it into the Secret that credentials.existingSecret names, and its key into ops.tokens.%s.token_secret." $name $name) }}
{{- end }}
{{- if not $values.credentials.existingSecret }}
{{- fail (printf "\n\nops.tokens.%s.token_secret: credentials.existingSecret is not set. Make a Secret with the key %q and name it there." $name $token.token_secret) }}
{{- end }}
{{- end }}
{{- include "pinhole.checkRedis" . }}
{{- include "pinhole.checkPorts" . }}
{{- range $advertise := list .Values.network.advertise .Values.relay.advertise }}
{{- if and (contains ":" $advertise) (eq $values.network.sip.address "0.0.0.0") }}
{{- fail (printf "\n\nnetwork.sip.address: 0.0.0.0 takes IPv4 only, but the address that peers are told is %s. Write \"::\"." $advertise) }}
{{- end }}
{{- end }}
{{- if and (eq $mode "loadBalancer") (not .Values.network.advertise) }}
{{- fail "\n\nnetwork.advertise: is needed in mode loadBalancer. Reserve an address for each of the two load balancers; write that of SIP here and that of media into relay.advertise." }}
{{- end }}
{{- if and (eq $mode "loadBalancer") (gt (int .Values.b2bua.replicas) 1) }}
{{- fail "\n\nb2bua.replicas: must be 1 in mode loadBalancer, because pods behind one address cannot take each other's calls yet. Install a second release for a second edge." }}
{{- end }}
{{- if and (ne $mode "loadBalancer") (ne .Values.b2bua.antiAffinity "required") }}
{{- fail (printf "\n\nb2bua.antiAffinity: must be required in mode %s: two pods of one node would have the same address and port." $mode) }}
{{- end }}
{{- $most := int .Values.b2bua.replicas }}
{{- if .Values.b2bua.autoscaling.enabled }}
{{- $most = int .Values.b2bua.autoscaling.maxReplicas }}
{{- if ne $mode "host" }}
{{- fail (printf "\n\nb2bua.autoscaling.enabled: is for mode host, where each node has a relay; in mode %s relays are counted by b2bua.replicas." $mode) }}
{{- end }}
{{- if gt (int .Values.b2bua.autoscaling.minReplicas) $most }}
{{- fail "\n\nb2bua.autoscaling.minReplicas: is greater than maxReplicas." }}
{{- end }}
{{- end }}
{{- if and (gt $most 1) (or .Values.network.advertise .Values.relay.advertise) }}
{{- fail (printf "\n\nnetwork.advertise, relay.advertise: are one address, but there may be %d B2BUAs. Leave them empty, so that each tells its node's address." $most) }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.valkey.enabled (eq $mode "host") (not .Values.networkPolicy.nodeCidrs) }}
{{- fail "\n\nnetworkPolicy.nodeCidrs: is needed with valkey.enabled in mode host. Write the networks of your nodes (kubectl get nodes -o wide), or set networkPolicy.enabled to false." }}
{{- end }}
{{- with .Values.tests.probeCall }}
{{- range $key := ternary (list "from" "to") list .enabled }}
{{- if not (hasKey $values.users (get $values.tests.probeCall $key)) }}
{{- fail (printf "\n\ntests.probeCall.%s: %q is not one of users; a probe call is between two of them." $key (get $values.tests.probeCall $key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "pinhole.checkRedis" -}}
{{- $chosen := list }}
{{- if .Values.redis.url }}{{ $chosen = append $chosen "redis.url" }}{{ end }}
{{- if .Values.redis.existingSecret }}{{ $chosen = append $chosen "redis.existingSecret" }}{{ end }}
{{- if .Values.valkey.enabled }}{{ $chosen = append $chosen "valkey.enabled" }}{{ end }}
{{- if ne (len $chosen) 1 }}
{{- fail (printf "\n\nredis: set exactly one of redis.url, redis.existingSecret and valkey.enabled (a single Valkey, for trials); set now: %s." (default "none" (join ", " $chosen))) }}
{{- end }}
{{- if regexMatch "^[a-z+]+://[^/]*@" .Values.redis.url }}
{{- fail "\n\nredis.url: has a password or user in it. Put the whole URL into a Secret and name that as redis.existingSecret." }}
{{- end }}
{{- end }}

{{- define "pinhole.checkPorts" -}}
{{- $mode := .Values.network.mode }}
{{- $first := include "pinhole.firstPort" . | int }}
{{- $last := include "pinhole.lastPort" . | int }}
{{- if or (lt $first 1024) (gt $last 65535) (ge $first $last) }}
{{- fail (printf "\n\nrelay.ports: %s is not a range within 1024-65535." (include "pinhole.ports" .)) }}
{{- end }}
{{- if and (ne $mode "host") (gt (sub $last $first) 1999) }}
{{- fail (printf "\n\nrelay.ports: %s are more than 2000 ports, and in mode %s each is an entry of a Service. Take fewer, or mode host." (include "pinhole.ports" .) $mode) }}
{{- end }}
{{- if eq $mode "nodePort" }}
{{- if or (lt $first 30000) (gt $last 32767) }}
{{- fail (printf "\n\nrelay.ports: %s is not within 30000-32767, the node ports of Kubernetes, as mode nodePort needs." (include "pinhole.ports" .)) }}
{{- end }}
{{- $sip := int .Values.network.sip.nodePort }}
{{- if and (ge $sip $first) (le $sip $last) }}
{{- fail (printf "\n\nnetwork.sip.nodePort: %d is one of relay.ports (%s)." $sip (include "pinhole.ports" .)) }}
{{- end }}
{{- end }}
{{- end }}
