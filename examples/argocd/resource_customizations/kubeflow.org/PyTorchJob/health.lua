local health = { status = "Progressing", message = "Waiting for the training operator" }
local suspend = obj.spec.runPolicy ~= nil and obj.spec.runPolicy.suspend == true

for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.status == "True" then
    health.message = condition.message or condition.reason
    if condition.type == "Failed" then
      health.status = "Degraded"
      return health
    elseif condition.type == "Succeeded" then
      health.status = "Healthy"
      return health
    end
  end
end
if suspend then
  health.status = "Suspended"
  health.message = "spec.runPolicy.suspend is set"
end
return health
