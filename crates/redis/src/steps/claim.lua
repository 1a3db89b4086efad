-- A process asks who runs the key: token, lease, manner, excluded, joined, presence, leader_timeout, max_leaders,
-- max_join_age, prefix of inboxes, inboxes without a listener. A time of -1 is none.

local token, lease, manner, excluded, joined = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local presence, leader_timeout = tonumber(ARGV[6]), tonumber(ARGV[7])
local max_leaders, max_join_age = tonumber(ARGV[8]), tonumber(ARGV[9])
local prefix, missing = ARGV[10], ARGV[11]

local function listens(inbox)
  if missing ~= '*' then return not string.find(missing, ' ' .. inbox .. ' ', 1, true) end
  local counts = redis.pcall('PUBSUB', 'NUMSUB', prefix .. inbox)
  -- Nobody is taken over from for a missing right.
  return counts.err ~= nil or counts[2] > 0
end

local function somebody_listens(flight)
  for _, leader in ipairs(flight[5]) do
    if listens(inbox_of(leader[1])) then return true end
  end
  return false
end

local function age(flight)
  return math.max(0, now - flight[3])
end

local function held(answer, flight)
  local last = flight[5][#flight[5]]
  return { answer, flight[1], age(flight), last and inbox_of(last[1]) or '' }
end

local function go_on(state, flight)
  note(state, inbox_of(token), presence, now + lease)
  flight[4] = now
  flight[5][#flight[5] + 1] = { token, presence, lease, now + lease }
  return { 'lead', flight[1], age(flight) }, true
end

local function begin(state)
  state[2] = false
  local notes = {}
  for inbox, till in pairs(state[4]) do
    if now < till then notes[inbox] = till end
  end
  state[4] = notes
  local flight = { token, CURRENT, now, now, {}, {} }
  state[5][#state[5] + 1] = flight
  return go_on(state, flight)
end

local function enrol(flight, wants)
  if presence == ABSENT then return false end
  local inbox = inbox_of(token)
  local enrolled = find(flight[6], 1, inbox)
  if enrolled then
    enrolled[2], enrolled[3] = presence, math.max(enrolled[3], wants)
  else
    flight[6][#flight[6] + 1] = { inbox, presence, wants }
  end
  return true
end

local function running(state)
  local live = 0
  for _, flight in ipairs(state[5]) do
    if flight[2] ~= FORGOTTEN then live = live + live_leaders(flight) end
  end
  return live
end

-- Returns the answer, and whether the state has changed.
local function step(state, bytes)
  local led = led_by(state, token)
  if led then return state, { 'lead', led[1], age(led) }, false end
  local result = state[2]
  if result and manner ~= 'fresh' and result[1] ~= excluded then
    local has_changed = note(state, inbox_of(token), presence, result[3])
    return state, { 'hit', result[1], now - result[2], bytes }, has_changed
  end
  local flight = find(state[5], 2, CURRENT)
  if not flight then return state, begin(state) end
  local is_gone = live_leaders(flight) == 0
  if is_gone or (manner == 'suspect' and not somebody_listens(flight)) then
    flight[5] = {}
    return state, go_on(state, flight)
  end
  if manner == 'fresh' or flight[1] == excluded then
    local has_changed = enrol(flight, END)
    return state, held('wait', flight), has_changed
  end
  local has_room = running(state) < max_leaders
  if max_join_age >= 0 and age(flight) >= max_join_age and joined ~= flight[1] then
    if not has_room then return state, { 'full' }, false end
    flight[2] = SUPERSEDED
    return state, begin(state)
  end
  if has_room and leader_timeout >= 0 and now - flight[4] >= leader_timeout then
    return state, go_on(state, flight)
  end
  if manner == 'try' then return state, { 'busy' }, false end
  local has_changed = enrol(flight, OUTCOME)
  return state, held('follow', flight), has_changed
end

-- A mark that is missing is made from the time: it forgets, and never revives.
local mark = read_mark()
if not mark then
  mark = string.format('%.0f', now)
  redis.call('SET', KEYS[2], mark, 'PX', DAY / 1000)
end
local state, answer, has_changed = with_state(mark, step)
if has_changed then write(state, mark) end
if answer[1] == 'lead' then redis.call('PEXPIRE', KEYS[2], DAY / 1000) end
return answer
