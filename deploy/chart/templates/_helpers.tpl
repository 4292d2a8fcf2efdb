{{- define "kube-ipvs.labels" -}}
app.kubernetes.io/name: kube-ipvs
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/component: service-proxy
app.kubernetes.io/part-of: kube-ipvs
{{- end }}

{{- define "kube-ipvs.selector" -}}
app.kubernetes.io/name: kube-ipvs
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kube-ipvs.account" -}}
{{ .Values.serviceAccount.name | default (ternary "kube-ipvs" "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "kube-ipvs.image" -}}
{{ .Values.image.repository }}
{{- with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "kube-ipvs.configMap" -}}
{{ .Values.existingConfigMap.name | default "kube-ipvs" }}
{{- end }}

{{- /* The configuration in use. That of a ConfigMap that is there already is known where Helm asks the cluster, and empty elsewhere. */ -}}
{{- define "kube-ipvs.configText" -}}
{{- if .Values.existingConfigMap.name }}
{{- $there := lookup "v1" "ConfigMap" .Release.Namespace .Values.existingConfigMap.name }}
{{- dig "data" .Values.existingConfigMap.key "" ($there | default dict) }}
{{- else }}
{{- toYaml .Values.config }}
{{- end }}
{{- end }}

{{- /* What the daemon and its init container are told alike. */ -}}
{{- define "kube-ipvs.configArgs" -}}
- --config=/var/lib/kube-proxy/{{ ternary .Values.existingConfigMap.key "config.conf" (ne .Values.existingConfigMap.name "") }}
- --hostname-override=$(NODE_NAME)
{{- end }}

{{- define "kube-ipvs.env" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
# The plain names of iptables, ip6tables and their companions.
- name: PATH
  value: /usr/lib/kube-ipvs/{{ .Values.iptablesBackend }}:/usr/sbin:/usr/bin:/sbin:/bin
{{- end }}

{{- define "kube-ipvs.apiServer" -}}
{{- if not .Values.existingConfigMap.name }}
# In place of the Service's address, which the kubelet would put here.
- name: KUBERNETES_SERVICE_HOST
  valueFrom:
    configMapKeyRef: {name: kube-ipvs, key: apiServerHost}
- name: KUBERNETES_SERVICE_PORT
  valueFrom:
    configMapKeyRef: {name: kube-ipvs, key: apiServerPort}
{{- end }}
{{- end }}

{{- /* What the schema cannot see. */ -}}
{{- define "kube-ipvs.check" -}}
{{- if .Values.uninstall.enabled }}
{{- else if .Values.existingConfigMap.name }}
  {{- if .Values.apiServer.host }}
    {{- fail "apiServer.host: existingConfigMap brings the API server's address with it; say one of the two" }}
  {{- end }}
{{- else if not .Values.apiServer.host }}
  {{- fail "apiServer.host: must name the API server, such as 192.0.2.10, since the Service `kubernetes` is not served before kube-ipvs runs; or name a ConfigMap of kubeadm's kube-proxy in existingConfigMap.name" }}
{{- else }}
  {{- $service := lookup "v1" "Service" "default" "kubernetes" }}
  {{- if has .Values.apiServer.host (dig "spec" "clusterIPs" list $service) }}
    {{- fail (printf "apiServer.host: %s is the address of the Service `kubernetes`, which is not served before kube-ipvs runs; `kubectl get endpointslices kubernetes` shows those of the API servers" .Values.apiServer.host) }}
  {{- end }}
{{- end }}
{{- end }}
