/* QuickJS with a script that works with objects, arrays, closures, strings and a regular expression.
 * The script needs nothing from outside: it gives the text that is printed. */
#define _GNU_SOURCE
/* This file has the name of the first. */
#include <quickjs.c>
#include <cutils.c>
#include <libbf.c>
#include <libregexp.c>
#include <libunicode.c>

static const char script[] =
    "'use strict';\n"
    "class Vector {\n"
    "  constructor(x, y, z) { this.x = x; this.y = y; this.z = z; }\n"
    "  plus(v) { return new Vector(this.x + v.x, this.y + v.y, this.z + v.z); }\n"
    "  dot(v) { return this.x * v.x + this.y * v.y + this.z * v.z; }\n"
    "}\n"
    "function vectors(n) {\n"
    "  let sum = new Vector(0, 0, 0), dots = 0;\n"
    "  for (let i = 0; i < n; i++) {\n"
    "    const v = new Vector(i, i % 7, -i);\n"
    "    sum = sum.plus(v);\n"
    "    dots = (dots + v.dot(sum)) % 1000003;\n"
    "  }\n"
    "  return [sum.x, sum.y, sum.z, dots];\n"
    "}\n"
    "function sieve(n) {\n"
    "  const composite = new Array(n + 1).fill(false);\n"
    "  let count = 0;\n"
    "  for (let i = 2; i <= n; i++) {\n"
    "    if (composite[i]) continue;\n"
    "    count++;\n"
    "    for (let j = i * i; j <= n; j += i) composite[j] = true;\n"
    "  }\n"
    "  return count;\n"
    "}\n"
    "function words(n) {\n"
    "  const counts = new Map();\n"
    "  let seed = 17;\n"
    "  for (let i = 0; i < n; i++) {\n"
    "    seed = (seed * 1103515245 + 12345) % 2147483648;\n"
    "    const word = 'w' + (seed % 997).toString(36);\n"
    "    counts.set(word, (counts.get(word) || 0) + 1);\n"
    "  }\n"
    "  const sorted = [...counts.entries()].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));\n"
    "  return sorted.slice(0, 3).map(([word, count]) => `${word}=${count}`).join(' ');\n"
    "}\n"
    "function fields(n) {\n"
    "  const line = /(\\w+)@(\\w+)\\.(com|org)/g;\n"
    "  let text = '';\n"
    "  for (let i = 0; i < 50; i++) text += `user${i}@host${i * 3}.${i % 2 ? 'com' : 'org'}, `;\n"
    "  let total = 0;\n"
    "  for (let i = 0; i < n; i++)\n"
    "    for (const match of text.matchAll(line)) total += match[1].length * match[2].length;\n"
    "  return total;\n"
    "}\n"
    "const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);\n"
    "const squares = Array.from({ length: 20000 }, (_, i) => i * i)\n"
    "  .filter(x => x % 3).reduce((a, b) => (a + b) % 65521, 0);\n"
    "JSON.stringify([vectors(150000), sieve(400000), words(100000), fields(80), fib(24), squares]);\n";

int main(void) {
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    JSValue result = JS_Eval(context, script, sizeof script - 1, "script", JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(result))
        result = JS_GetException(context);
    const char *text = JS_ToCString(context, result);
    puts(text);
    return 0;
}
