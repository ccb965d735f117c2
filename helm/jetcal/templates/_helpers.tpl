{{- define "jetcal.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-jetcal" .Release.Name) (contains "jetcal" .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "jetcal.operator" -}}
{{ include "jetcal.fullname" . }}-operator
{{- end }}

{{- /* Two releases of one name in two namespaces must not meet in what the whole cluster shares. */ -}}
{{- define "jetcal.clusterName" -}}
{{ .Release.Namespace }}-{{ include "jetcal.fullname" . }}
{{- end }}

{{- /* Not the name "jetcal" that children of calibrations carry: a calibration may live in the operator's namespace. */ -}}
{{- define "jetcal.selector" -}}
app.kubernetes.io/name: jetcal-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "jetcal.labels" -}}
{{ include "jetcal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: jetcal
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "jetcal.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "jetcal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "jetcal.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "jetcal.platform" -}}
{{- $platform := omit .Values.platform "workerImage" "tensorboardImage" -}}
{{- $given := dict -}}
{{- range $name, $value := $platform -}}
{{- if or (kindIs "bool" $value) (not (empty $value)) (kindIs "float64" $value) (kindIs "int64" $value) -}}
{{- $_ := set $given $name $value -}}
{{- end -}}
{{- end -}}
{{- $worker := include "jetcal.image" (dict "image" .Values.platform.workerImage "root" .) -}}
{{- $tensorboard := $worker -}}
{{- if .Values.platform.tensorboardImage.repository -}}
{{- $tensorboard = include "jetcal.image" (dict "image" .Values.platform.tensorboardImage "root" .) -}}
{{- end -}}
{{- merge (dict "workerImage" $worker "tensorboardImage" $tensorboard) $given | toYaml -}}
{{- end }}

{{- /* Exactly what the operator does; read docs/installing.md before adding to it. */ -}}
{{- define "jetcal.rules" -}}
- apiGroups: [jetcal.dev]
  resources: [jetcalibrations]
  verbs: [get, list, watch]
- apiGroups: [jetcal.dev]
  resources: [jetcalibrations/status]
  verbs: [get, patch]
# for children whose ownerReference blocks the deletion of their owner
- apiGroups: [jetcal.dev]
  resources: [jetcalibrations/finalizers]
  verbs: [update]
- apiGroups: [kubeflow.org]
  resources: [experiments, pytorchjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [trainer.kubeflow.org]
  resources: [trainjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [kubeflow.org]
  resources: [trials]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create, patch]
# the labels that Katib and Pod Security ask for
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
# spec.suspend of jobs that a queue holds or has let go
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]
  verbs: [list, patch]
{{- end }}
