-- A process forgets the key everywhere: its inbox, number, digest, name, prefix of inboxes. No note is removed, and no
-- command is used that a full server refuses.

local from, id, digest, name, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function step(state, _, is_fresh)
  local was_there = state[2] and true or false
  local noted = {}
  for inbox, till in pairs(state[4]) do
    if now < till then noted[inbox] = true end
  end
  for _, flight in ipairs(state[5]) do
    was_there = was_there or flight[2] == CURRENT
    for _, leader in ipairs(flight[5]) do noted[inbox_of(leader[1])] = true end
    for _, enrolled in ipairs(flight[6]) do noted[enrolled[1]] = true end
  end
  noted[from] = nil
  detach(state)
  return state, was_there, noted, is_fresh
end

local state, was_there, noted, is_fresh = with_state(read_mark(), step)
if is_fresh then return { 0, 0, 0 } end
redis.call('HDEL', key, 'm', 'b')
keep_for(lives_until(state))
local word = '1F' .. digest .. id .. ' ' .. from .. '\n' .. name
local count, told = 0, 0
for inbox in pairs(noted) do
  count = count + 1
  if redis.call('PUBLISH', prefix .. inbox, word) > 0 then told = told + 1 end
end
return { was_there and 1 or 0, count, told }
