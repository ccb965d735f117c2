-- Katib writes conditions in the order of their times, and takes none away
local health = { status = "Progressing", message = "Waiting for Katib" }

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
return health
