/* Lua 5.4 with a script that works with tables, strings, closures and methods. The script raises no
 * error, so that setjmp, which WebAssembly has only by exceptions, is not needed; and strings are
 * hashed alike in every run. */
#include <stdlib.h>
/* Keeps out a header that refuses to be compiled; of <signal.h>, a type alone is used. */
#define _SETJMP_H
#define _WASI_EMULATED_SIGNAL
#define LUAI_THROW(L, c) abort()
#define LUAI_TRY(L, c, a) a
#define luai_jmpbuf int
#define luai_makeseed(L) 0
#define LUA_CORE
#define LUA_LIB
#include "lprefix.h"
#include <stdio.h>
#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"
#include "lzio.c"
#include "lctype.c"
#include "lopcodes.c"
#include "lmem.c"
#include "lundump.c"
#include "ldump.c"
#include "lstate.c"
#include "lgc.c"
#include "llex.c"
#include "lcode.c"
#include "lparser.c"
#include "ldebug.c"
#include "lfunc.c"
#include "lobject.c"
#include "ltm.c"
#include "lstring.c"
#include "ltable.c"
#include "ldo.c"
#include "lvm.c"
#include "lapi.c"
#include "lauxlib.c"
#include "lbaselib.c"
#include "lmathlib.c"
#include "lstrlib.c"
#include "ltablib.c"

static const char script[] =
    "local function sieve(n)\n"
    "  local composite, count = {}, 0\n"
    "  for i = 2, n do\n"
    "    if not composite[i] then\n"
    "      count = count + 1\n"
    "      for j = i * i, n, i do composite[j] = true end\n"
    "    end\n"
    "  end\n"
    "  return count\n"
    "end\n"
    "local Account = {}\n"
    "Account.__index = Account\n"
    "function Account.new(b) return setmetatable({balance = b}, Account) end\n"
    "function Account:deposit(v) self.balance = (self.balance + v) % 1000003 end\n"
    "local function accounts(n)\n"
    "  local all = {}\n"
    "  for i = 1, 100 do all[i] = Account.new(i) end\n"
    "  for i = 1, n do all[i % 100 + 1]:deposit(i) end\n"
    "  local sum = 0\n"
    "  for _, a in ipairs(all) do sum = sum + a.balance end\n"
    "  return sum\n"
    "end\n"
    "local function strings(n)\n"
    "  local parts, seed = {}, 42\n"
    "  for i = 1, n do\n"
    "    seed = (seed * 1103515245 + 12345) % 2147483648\n"
    "    parts[i] = string.format('%05d-%s', seed % 100000, string.char(97 + seed % 26))\n"
    "  end\n"
    "  table.sort(parts)\n"
    "  local text = table.concat(parts, ' ')\n"
    "  local count = 0\n"
    "  for number in text:gmatch('%d+%-[aeiou]') do count = count + tonumber(number:sub(1, 5)) end\n"
    "  return count, #text:gsub('%d', ''), text:upper():byte(-1)\n"
    "end\n"
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local function compose(n)\n"
    "  local f = function(x) return x end\n"
    "  for i = 1, n do local g = f; f = function(x) return g(x) + i end end\n"
    "  return f(0)\n"
    "end\n"
    "local function matrix(n)\n"
    "  local m = {}\n"
    "  for i = 1, n do m[i] = {} for j = 1, n do m[i][j] = i / j end end\n"
    "  local sum = 0.0\n"
    "  for i = 1, n do for j = 1, n do\n"
    "    local s = 0.0\n"
    "    for k = 1, n do s = s + m[i][k] * m[k][j] end\n"
    "    sum = sum + s\n"
    "  end end\n"
    "  return string.format('%.6f', sum)\n"
    "end\n"
    "print(sieve(1000000), accounts(1000000), fib(29))\n"
    "print(strings(60000))\n"
    "print(compose(150), matrix(110))\n";

int main(void)
{
    lua_State *L = luaL_newstate();
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    if (luaL_loadstring(L, script) != LUA_OK)
        return 1;
    lua_call(L, 0, 0);
    lua_close(L);
    return 0;
}
