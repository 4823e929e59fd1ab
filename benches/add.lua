-- Distinct entries of about 400 bytes, each with a client id when UID is set.
local number = 0
local thread = 0
local uid = os.getenv("UID_TOO") == "1"
local padding = string.rep("please call me about the offer ", 7)

function setup(t)
  t:set("id", thread)
  thread = thread + 1
end

request = function()
  number = number + 1
  local n = id * 10000000 + number
  local head = uid and string.format('{"_uid":"%s-%010d",', run, n) or "{"
  local body = string.format(
    '%s"name":"Visitor %d","email":"visitor%d@example.org","plan":"pro","country":"DE","seats":%d,"cart":{"total":%d.50,"items":[1,2]},"newsletter":true,"message":"%s"}',
    head, n, n, n % 500, n % 2000, padding)
  return wrk.format("POST", "/add", { ["Content-Type"] = "application/json" }, body)
end

function init(args)
  run = args[1] or "run0"
end

response = function(status)
  if status ~= 201 then refused = (refused or 0) + 1 end
end
