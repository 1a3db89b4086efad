-- A leader ends without an outcome: token, code and payload of the end, digest, prefix of inboxes.

local token = ARGV[1]

local function step(state)
  local flight, index = led_by(state, token)
  if not flight then return state, 'refused' end
  if leave(flight, token) then return state, 'others' end
  table.remove(state[5], index)
  return state, 'ended', flight
end

local mark = read_mark()
local state, answer, flight = with_state(mark, step)
if answer == 'refused' then return { answer } end
write(state, mark)
if answer == 'others' then return { answer } end
local told = tell(flight, ARGV[5], ARGV[4], ARGV[2], ARGV[3])
return { answer, told, flight[2] == CURRENT and 0 or 1 }
