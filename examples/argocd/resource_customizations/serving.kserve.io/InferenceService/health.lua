-- Ready is False while Pods start, and Unknown in a rollout: only a model that does not load is a failure
local health = { status = "Progressing", message = "Waiting for KServe" }

if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for KServe to look at the new spec"
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready or {}

if (conditions.Stopped or {}).status == "True" then
  health.status = "Suspended"
  health.message = "Stopped"
  return health
end

local model = obj.status.modelStatus or {}
if model.transitionStatus == "BlockedByFailedLoad" or model.transitionStatus == "InvalidSpec" then
  local failure = model.lastFailureInfo or {}
  health.status = "Degraded"
  health.message = model.transitionStatus .. ": " .. (failure.message or failure.reason or "no reason given")
elseif ready.status == "True" then
  health.status = "Healthy"
  health.message = obj.status.url or "Ready"
else
  health.message = ready.message or ready.reason or health.message
end
return health
