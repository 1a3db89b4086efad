-- Returns the outcome of a flight: flight, and the token that KEYS[3] is named after.

local flight, token = ARGV[1], ARGV[2]

local function step(state, bytes)
  local result = state[2]
  if result and result[1] == flight then return state, { 'kept', bytes } end
  local handed = find(state[3], 1, flight)
  return state, handed and { 'handed', handed[3] } or { 'gone' }
end

local state, answer = with_state(read_mark(), step)
if answer[1] ~= 'handed' or answer[2] ~= token then return answer end
local bytes = redis.pcall('GET', KEYS[3])
return type(bytes) == 'string' and { 'bytes', bytes } or { 'gone' }
