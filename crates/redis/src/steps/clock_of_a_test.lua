-- The time is the last argument, and the server's own time ends nothing.
local function clock()
  return tonumber(ARGV[#ARGV])
end

local server = redis
local redis = { pcall = server.pcall }

function redis.call(name, key, value, ...)
  if name == 'PEXPIRE' then return 1 end
  if name == 'SET' then return server.call(name, key, value) end
  if value == nil then return server.call(name, key) end
  return server.call(name, key, value, ...)
end
