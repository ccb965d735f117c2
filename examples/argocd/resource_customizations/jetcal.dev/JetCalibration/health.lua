-- kstatus: Stalled and Reconciling are there only while they are true; Ready is the summary
local health = { status = "Progressing", message = "Waiting for the operator" }

if obj.status == nil then
  return health
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for the operator to look at the new spec"
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local function told(kind)
  local condition = conditions[kind]
  if condition == nil then
    return ""
  end
  if condition.message == nil or condition.message == "" then
    return condition.reason
  end
  return condition.reason .. ": " .. condition.message
end

if obj.spec.suspend then
  health.status = "Suspended"
  health.message = told("Ready")
elseif holds("Stalled") then
  health.status = "Degraded"
  health.message = told("Stalled")
elseif holds("Ready") then
  health.status = "Healthy"
  health.message = told("Ready")
  if holds("Reconciling") then
    health.message = health.message .. "; " .. told("Reconciling")
  elseif conditions.Accepted ~= nil and conditions.Accepted.status == "False" then
    health.message = health.message .. "; newest candidate " .. told("Accepted")
  end
elseif holds("Reconciling") then
  health.message = told("Reconciling")
else
  health.message = told("Ready")
end
return health
