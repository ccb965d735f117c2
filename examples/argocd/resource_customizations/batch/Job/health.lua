local health = { status = "Progressing", message = "Waiting for the job" }

for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.status == "True" then
    if condition.type == "Failed" then
      health.status = "Degraded"
      health.message = condition.message or condition.reason
      return health
    elseif condition.type == "Complete" then
      health.status = "Healthy"
      health.message = condition.message or "Complete"
      return health
    end
  end
end
if obj.spec.suspend then
  health.status = "Suspended"
  health.message = "spec.suspend is set"
elseif obj.status ~= nil and (obj.status.active or 0) > 0 then
  health.message = obj.status.active .. " Pods at work"
end
return health
