"""What Redis does in one step, as Lua: each script reads and writes whole or not at all, and nothing comes in between.

KEYS begin with those of SessionKeys, in its order. What a process knows of a session is four texts: number
(incarnation), revision, seq, and mark, which the last commit has given. A reply begins with a word.

    same                              it knows everything
    more  f.. events                  the events since; f: number revision seq expires folded mark
    all   f.. head events summary sample   anything else

A session of which a part is missing (evicted, half restored) is not there. Not for when to call them (redis.py).
"""

from __future__ import annotations

from typing import Final

MARK_LENGTH: Final = 16
"""Characters before the body of each event: the mark of its commit."""

DIGEST: Final = "digest"
"""The summary's field that is no entry; those begin with a bracket."""

_COMMON: Final = f"""
local function fields()
  local f = redis.call('HMGET', KEYS[1], 'number', 'revision', 'seq', 'expires', 'folded', 'mark')
  if not f[1] then return nil end
  if redis.call('LLEN', KEYS[2]) ~= f[3] - f[5] then return nil end
  if f[5] ~= '0' and redis.call('HEXISTS', KEYS[3], '{DIGEST}') == 0 then return nil end
  return f
end

local function news(f, number, revision, seq, mark)
  local known = number == f[1] and revision == f[2]
  if known and seq == f[3] and mark == f[6] then return {{'same', f}} end
  if known then
    local place = seq - f[5]
    local last = place > 0 and redis.call('LINDEX', KEYS[2], place - 1)
    if last and last:sub(1, {MARK_LENGTH}) == mark then
      return {{'more', f, redis.call('LRANGE', KEYS[2], place, -1)}}
    end
  end
  local h = redis.call('HMGET', KEYS[1], 'head', 'sample')
  return {{'all', f, h[1], redis.call('LRANGE', KEYS[2], 0, -1), redis.call('HGETALL', KEYS[3]), h[2] or ''}}
end

local function erase()
  for _, key in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do redis.call('DEL', key) end
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  redis.call('ZREM', KEYS[6], KEYS[1])
end

local function live(log_ms, session_ms)
  for place = 1, 5 do
    if session_ms == '0' then redis.call('PERSIST', KEYS[place])
    else redis.call('PEXPIRE', KEYS[place], place == 1 and session_ms or log_ms) end
  end
end

local function begun(number, id, expires, head)
  erase()
  redis.call('HSET', KEYS[1], 'number', number, 'id', id, 'revision', '0', 'seq', '0', 'folded', '0', 'mark', '',
    'expires', expires, 'head', head)
  redis.call('ZADD', KEYS[6], number, KEYS[1])
  for _, key in ipairs(redis.call('ZRANDMEMBER', KEYS[6], 5)) do
    if redis.call('EXISTS', key) == 0 then redis.call('ZREM', KEYS[6], key) end
  end
end

local function late(deadline)
  local now = redis.call('TIME')
  return deadline ~= '0' and now[1] * 1000000 + now[2] > tonumber(deadline)
end
"""

LOAD: Final = (
    _COMMON
    + """
local now, number, revision, seq, mark = unpack(ARGV)
local f = fields()
if not f or tonumber(f[4]) <= tonumber(now) then return {'none'} end
return news(f, number, revision, seq, mark)
"""
)
"""Of a live session, what this process has not got."""

CREATE: Final = (
    _COMMON
    + """
local now, number, id, expires, head, log_ms, session_ms = unpack(ARGV)
local f = fields()
if f and tonumber(f[4]) > tonumber(now) then return {'exists'} end
begun(number, id, expires, head)
live(log_ms, session_ms)
return {'ok'}
"""
)

BRANCH: Final = (
    _COMMON
    + """
local number, revision, seq, head, expires, log_ms, session_ms, deadline = unpack(ARGV)
if late(deadline) then return {'late'} end
local f = fields()
if not f or f[1] ~= number or f[2] ~= revision or f[3] ~= seq then return {'stale'} end
redis.call('HSET', KEYS[1], 'head', head, 'revision', revision + 1, 'expires', expires)
live(log_ms, session_ms)
return {'ok'}
"""
)
"""A new head: a fork or a merge more."""

COMMIT: Final = (
    _COMMON
    + """
-- KEYS 7: where the answer goes; 8: the request's claim, if there is one
local at = 0
local function take() at = at + 1; return ARGV[at] end
local function many() local n, list = tonumber(take()), {}; for i = 1, n do list[i] = take() end; return list end
local now, deadline, mark, based = take(), take(), take(), take()
local number, revision, seq, known = take(), take(), take(), take()
local body, owner, until_, answer_ms = take(), take(), take(), take()
local f = fields()
if late(deadline) then return {'late'} end
if KEYS[8] then
  local r = redis.call('HMGET', KEYS[8], 'body', 'answer', 'until')
  if r[2] and tonumber(r[3]) > tonumber(now) then
    local bytes = redis.call('GET', r[2])
    if bytes and r[1] == body then return {'answered', bytes} end
    if bytes then return {'conflict'} end
  end
end
if based ~= '' and (not f or f[1] ~= based) then
  if KEYS[8] and redis.call('HGET', KEYS[8], 'owner') == owner then redis.call('DEL', KEYS[8]) end
  return {'gone'}
end
if f and based == '' and tonumber(f[4]) <= tonumber(now) then f = nil end
local id, begins, head = take(), take(), take()
if f then
  if f[1] ~= number or f[2] ~= revision or f[3] ~= seq or f[6] ~= known then
    return news(f, number, revision, seq, known)
  end
elseif number ~= '' then return {'none'}
else begun(begins, id, now, head) end
local revised, last, expires, folded = take(), take(), take(), take()
local log_ms, session_ms, answer, recent, sample = take(), take(), take(), take(), take()
for _, event in ipairs(many()) do redis.call('RPUSH', KEYS[2], event) end
local before = redis.call('HGET', KEYS[1], 'folded')
if folded ~= before then redis.call('LTRIM', KEYS[2], folded - before, -1) end
local removed, written = many(), many()
for place = 1, #removed do redis.call('HDEL', KEYS[3], removed[place]) end
for place = 1, #written, 2 do redis.call('HSET', KEYS[3], written[place], written[place + 1]) end
redis.call('HSET', KEYS[1], 'revision', revised, 'seq', last, 'folded', folded, 'mark', mark, 'expires', expires)
if head ~= '' then redis.call('HSET', KEYS[1], 'head', head) end
if sample ~= '' then redis.call('HSET', KEYS[1], 'sample', sample) end
redis.call('SET', KEYS[7], answer, 'PX', answer_ms)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
redis.call('ZADD', KEYS[4], until_, KEYS[7])
if KEYS[8] then
  redis.call('DEL', KEYS[8])
  redis.call('HSET', KEYS[8], 'body', body, 'answer', KEYS[7], 'until', until_)
  redis.call('PEXPIRE', KEYS[8], answer_ms)
  redis.call('ZADD', KEYS[4], until_, KEYS[8])
elseif redis.call('RPUSH', KEYS[5], KEYS[7]) > tonumber(recent) then
  local old = redis.call('LPOP', KEYS[5])
  redis.call('DEL', old)
  redis.call('ZREM', KEYS[4], old)
end
live(log_ms, session_ms)
return {'ok'}
"""
)
"""Replay check, events, folding, answer, expiry: all or nothing. `late`: whoever asked has given up since."""

ERASE: Final = (
    _COMMON
    + """
local f = fields()
erase()
return {(f and tonumber(f[4]) > tonumber(ARGV[1])) and 'live' or 'none'}
"""
)

BEGIN: Final = """
-- KEYS 1: the request's
local now, body, owner, until_, claim_ms = unpack(ARGV)
local r = redis.call('HMGET', KEYS[1], 'body', 'answer', 'until', 'owner')
if r[1] and tonumber(r[3]) > tonumber(now) then
  local bytes = r[2] and redis.call('GET', r[2])
  if bytes and r[1] == body then return {'answered', bytes} end
  if bytes or (r[4] and r[1] ~= body) then return {'conflict'} end
  if r[4] then return {'running'} end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'body', body, 'owner', owner, 'until', until_)
redis.call('PEXPIRE', KEYS[1], claim_ms)
return {'fresh'}
"""

RELEASE: Final = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
"""

EVENT: Final = (
    _COMMON
    + """
local now, seq = tonumber(ARGV[1]), tonumber(ARGV[2])
local f = fields()
if not f or tonumber(f[4]) <= now or seq <= tonumber(f[5]) or seq > tonumber(f[3]) then return {'none'} end
return {'event', f[1], redis.call('LINDEX', KEYS[2], seq - f[5] - 1), redis.call('HGET', KEYS[1], 'sample') or ''}
"""
)
"""One event of a live session."""
