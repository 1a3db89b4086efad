-- A leader hands in an outcome: token, bytes, keep or -1, whether it is an error, digest, prefix of inboxes.
-- KEYS[3] is where an outcome lies that is too large for a message, for those who wait: as a result it may be over before they
-- fetch it.

local token, bytes, keep = ARGV[1], ARGV[2], tonumber(ARGV[3])
local is_error, digest, prefix = ARGV[4] == '1', ARGV[5], ARGV[6]
local is_large = #bytes > LONGEST_MESSAGE

-- Each process told, and the leader's, may hold the outcome: until its window's end, or for a lease where that is
-- longer, since the news is under way.
local function note_holders(state, flight, leader, till)
  till = math.max(till or 0, now + leader[3])
  for _, enrolled in ipairs(flight[6]) do
    if enrolled[3] == OUTCOME then note(state, enrolled[1], enrolled[2], till) end
  end
  note(state, inbox_of(token), leader[2], till)
end

local function has_waiting(flight)
  return find(flight[6], 3, OUTCOME)
end

local function step(state)
  local flight, index, leader = led_by(state, token)
  if not flight then return state, 'refused' end
  if is_error and leave(flight, token) then return state, 'others' end
  table.remove(state[5], index)
  local till = keep >= 0 and flight[2] == CURRENT and flight[3] + math.min(keep, DAY)
  till = till and now < till and till
  note_holders(state, flight, leader, till)
  if till then state[2] = { flight[1], flight[3], till } end
  local hands_on = is_large and (not till or has_waiting(flight))
  if hands_on then
    state[3][#state[3] + 1] = { flight[1], now + 2 * leader[3], token, till and true or false }
  end
  return state, 'ended', flight, leader, till, hands_on
end

local mark = read_mark()
local state, answer, flight, leader, till, hands_on = with_state(mark, step)
if answer == 'refused' then return { answer } end
write(state, mark, till and bytes)
if answer == 'others' then return { answer } end
if hands_on then
  redis.call('SET', KEYS[3], bytes, 'PX', math.max(1, math.ceil(2 * leader[3] / 1000)))
end
local code, payload = till and 'k' or 'h', bytes
if is_large then code, payload = 'f', '' end
local told = tell(flight, prefix, digest, code, payload)
return { answer, told, till and 1 or 0, flight[2] == CURRENT and 0 or 1 }
