{{- /* In the place of the daemon, so that the two never run on one node at a time. */ -}}
{{- define "kube-ipvs.uninstall" -}}
initContainers:
  - name: cleanup
    image: {{ include "kube-ipvs.image" . }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      - cleanup
      {{- if .Values.uninstall.restoreSysctls }}
      - --restore-sysctls
      {{- end }}
    securityContext:
      readOnlyRootFilesystem: true
      {{- if .Values.uninstall.restoreSysctls }}
      # Nothing less has a /proc/sys that can be written.
      privileged: true
      {{- else }}
      allowPrivilegeEscalation: false
      capabilities:
        drop: [ALL]
        add: [NET_ADMIN, NET_RAW]
      {{- end }}
    volumeMounts:
      - {name: lock, mountPath: /run/xtables.lock}
      {{- if .Values.uninstall.restoreSysctls }}
      - {name: record, mountPath: /run/kube-ipvs}
      {{- end }}
containers:
  # A Pod of a DaemonSet has to go on; this one does nothing.
  - name: done
    image: {{ .Values.uninstall.pauseImage }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      runAsUser: 65535
      capabilities:
        drop: [ALL]
{{- end }}
