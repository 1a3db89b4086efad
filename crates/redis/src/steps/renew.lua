-- A leader renews its lease: token, lease.

local token, lease = ARGV[1], tonumber(ARGV[2])

local function step(state)
  local flight, _, leader = led_by(state, token)
  if not flight then return state, false end
  leader[3], leader[4] = lease, now + lease
  note(state, inbox_of(token), leader[2], now + lease)
  return state, true
end

local mark = read_mark()
local state, is_led = with_state(mark, step)
if not is_led then return 0 end
write(state, mark)
if mark then redis.call('PEXPIRE', KEYS[2], DAY / 1000) end
return 1
