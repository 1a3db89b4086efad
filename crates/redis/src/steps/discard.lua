-- Removes the result if it is these bytes.

local function step(state, bytes)
  if not state[2] or bytes ~= ARGV[1] then return state, false end
  state[2] = false
  return state, true
end

local state, is_removed = with_state(read_mark(), step)
if not is_removed then return 0 end
-- The bytes are what claims look at, and a full server lets them go.
redis.call('HDEL', key, 'b')
redis.pcall('HSET', key, 's', cmsgpack.pack(state))
keep_for(lives_until(state))
return 1
