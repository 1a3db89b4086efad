-- All keys of a partition are forgotten. KEYS[1] is its mark. A full server refuses a new one; a mark that is missing
-- forgets as well.

local old = redis.pcall('GET', KEYS[1])
old = type(old) == 'string' and tonumber(old) or 0
-- No time of a server, so somebody else wrote it.
if not (old < 9e15) then old = 0 end
local mark = string.format('%.0f', math.max(clock(), old + 1))
local set = redis.pcall('SET', KEYS[1], mark, 'PX', 86400000)
if set.err then redis.call('DEL', KEYS[1]) end
return 1
