-- Returns the outcome of a flight: flight, and the token that KEYS[3] is named after.

local flight, token = ARGV[1], ARGV[2]

local function step(state, bytes)
  local result = state[2]
  if result and result[1] == flight then return state, { 'kept', bytes } end
  local handed = find(state[3], 1, flight)
  if not handed then return state, { 'gone' } end
  return state, { 'handed', handed[3] }, handed[4]
end

local state, answer, was_kept = with_state(read_mark(), step)
if answer[1] ~= 'handed' or answer[2] ~= token then return answer end
local bytes = redis.pcall('GET', KEYS[3])
if type(bytes) ~= 'string' then return { 'gone' } end
return { was_kept and 'kept' or 'bytes', bytes }
