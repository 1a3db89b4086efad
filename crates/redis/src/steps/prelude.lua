-- The state of one key, and how it is read and written. Each step is this text and one more.
--
-- The hash of a key has three fields. `s`: the state, packed. `b`: the bytes of the result. `m`: the mark of the
-- partition under which they count. Without `m`, or under another mark, the key has been forgotten: there is no
-- result, and no claim finds a running flight. So to forget is to delete, which a full server allows.
--
-- A state is { FORMAT, result or false, handed on, notes, flights }:
--   result      { flight, begin, until }
--   handed on   a list of { flight, until, token, whether it was the result }; the bytes lie at <key>:<token>
--   notes       inbox -> until: who may hold a copy, or has news under way
--   flights     a list of { id, place, begin, youngest, leaders, enrolled }
--   leaders     a list of { token, presence, lease, end of the lease }
--   enrolled    a list of { inbox, presence, wants }
-- Times are microseconds of the server.

local FORMAT = 1
local CURRENT, SUPERSEDED, FORGOTTEN = 0, 1, 2
local ABSENT, LISTENS, KEEPS_COPIES = 0, 1, 2
local END, OUTCOME = 0, 1
local DAY = 86400000000
local LONGEST_MESSAGE = 16384

local key, now = KEYS[1], clock()
-- The key has the bytes of a result, valid or not.
local has_bytes = false

local function inbox_of(token)
  return string.match(token, '^(.*)#%d+$')
end

local function fresh()
  return { FORMAT, false, {}, {}, {} }
end

local function ends_of_flight(flight, last)
  for _, leader in ipairs(flight[5]) do
    last = math.max(last, leader[4] + leader[3])
  end
  return last
end

-- Until then something of the key is worth knowing.
local function lives_until(state)
  local last = state[2] and state[2][3] or 0
  for _, handed in ipairs(state[3]) do last = math.max(last, handed[2]) end
  for _, till in pairs(state[4]) do last = math.max(last, till) end
  for _, flight in ipairs(state[5]) do last = ends_of_flight(flight, last) end
  return last
end

local function detach(state)
  state[2] = false
  for _, flight in ipairs(state[5]) do flight[2] = FORGOTTEN end
end

-- Parts that are over go, and a new mark is noticed.
local function settle(state, mark, of_key)
  if not of_key or not has_bytes then state[2] = false end
  if lives_until(state) <= now then return fresh(), true end
  if not of_key or of_key ~= mark then detach(state) end
  -- A begin in the future is of a clock that was put back.
  local result = state[2]
  if result and (result[3] <= now or now < result[2]) then state[2] = false end
  local handed = {}
  for _, one in ipairs(state[3]) do
    if now < one[2] then handed[#handed + 1] = one end
  end
  state[3] = handed
  return state, false
end

local function is_of_another_type(answer)
  return type(answer) == 'table' and answer.err and string.find(answer.err, 'WRONGTYPE', 1, true)
end

-- Other errors end the script.
local function read_mark()
  local mark = redis.pcall('GET', KEYS[2])
  if is_of_another_type(mark) then return nil end
  if type(mark) == 'table' then mark = redis.call('GET', KEYS[2]) end
  return mark or nil
end

-- Returns what `step` makes of the state. What cannot be read counts as nothing, and is deleted.
local function with_state(mark, step)
  local fields = redis.pcall('HMGET', key, 's', 'm', 'b')
  if is_of_another_type(fields) then
    redis.call('DEL', key)
    fields = {}
  elseif fields.err then
    fields = redis.call('HMGET', key, 's', 'm', 'b')
  end
  local packed, of_key, bytes = fields[1], fields[2], fields[3]
  has_bytes = bytes and true or false
  local function attempt(packed)
    local state, is_fresh = fresh(), true
    if packed then
      state = cmsgpack.unpack(packed)
      if state[1] ~= FORMAT then error('format') end
      state, is_fresh = settle(state, mark, of_key)
    end
    return { step(state, bytes, is_fresh) }
  end
  local is_right, answer = pcall(attempt, packed)
  if not is_right then
    redis.call('DEL', key)
    bytes, has_bytes = false, false
    answer = attempt(false)
  elseif of_key and of_key ~= mark then
    redis.call('HDEL', key, 'm', 'b')
    has_bytes = false
  end
  return unpack(answer)
end

local function keep_for(last)
  if last <= now then
    redis.call('DEL', key)
  else
    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil((last - now) / 1000)))
  end
end

-- Writes the state. The first command is one that a full server refuses, so nothing is done by halves.
local function write(state, mark, bytes)
  local packed = cmsgpack.pack(state)
  if mark and bytes then
    redis.call('HSET', key, 's', packed, 'm', mark, 'b', bytes)
  elseif mark then
    redis.call('HSET', key, 's', packed, 'm', mark)
  else
    redis.call('HSET', key, 's', packed)
  end
  if has_bytes and not state[2] then redis.call('HDEL', key, 'b') end
  keep_for(lives_until(state))
end

local function find(list, at, what)
  for index, one in ipairs(list) do
    if one[at] == what then return one, index end
  end
end

local function led_by(state, token)
  for index, flight in ipairs(state[5]) do
    local leader = find(flight[5], 1, token)
    if leader then return flight, index, leader end
  end
end

local function live_leaders(flight)
  local live = 0
  for _, leader in ipairs(flight[5]) do
    if now < leader[4] then live = live + 1 end
  end
  return live
end

-- Takes an execution out if others of its flight run, and returns whether they do.
local function leave(flight, token)
  local others_run = false
  for _, leader in ipairs(flight[5]) do
    others_run = others_run or (leader[1] ~= token and now < leader[4])
  end
  if others_run then
    local _, index = find(flight[5], 1, token)
    table.remove(flight[5], index)
  end
  return others_run
end

local function note(state, inbox, presence, till)
  if presence ~= KEEPS_COPIES or (state[4][inbox] or 0) >= till then return false end
  state[4][inbox] = till
  return true
end

-- Tells the end of a flight to all who are enrolled.
local function tell(flight, prefix, digest, code, payload)
  local head = '1E' .. digest
  local outcome = head .. code .. flight[1] .. '\n' .. payload
  local ending = head .. 'a' .. flight[1] .. '\n'
  for _, enrolled in ipairs(flight[6]) do
    redis.call('PUBLISH', prefix .. enrolled[1], enrolled[3] == OUTCOME and outcome or ending)
  end
  return #flight[6]
end
