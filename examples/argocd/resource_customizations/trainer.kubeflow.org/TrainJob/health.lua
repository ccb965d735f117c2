-- a TrainJob that runs has no condition, or keeps Suspended=False of the time before
local health = { status = "Progressing", message = "Waiting for Kubeflow Trainer" }

for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.status == "True" then
    if condition.type == "Failed" then
      health.status = "Degraded"
      health.message = condition.message or condition.reason
      return health
    elseif condition.type == "Complete" then
      health.status = "Healthy"
      health.message = condition.message or condition.reason
      return health
    end
  end
end
if obj.spec.suspend then
  health.status = "Suspended"
  health.message = "spec.suspend is set"
  return health
end
local active = 0
for _, jobs in ipairs((obj.status or {}).jobsStatus or {}) do
  active = active + (jobs.active or 0)
end
if active > 0 then
  health.message = "Running"
end
return health
