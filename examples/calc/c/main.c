/* calc FORMULA [NAME=VALUE]...: calculates a formula, by a library that a component was compiled to. */
#include "calc.h"
#include <stdio.h>
#include <string.h>

static calc_t *calc;

/* Says why an instance has ended: whatever the program in it does, it ends no more than that. */
static int ended(void)
{
    fprintf(stderr, "%s", calc_message(calc));
    calc_delete(calc);
    return 1;
}

static int told(const char *text, calc_formulas_problem_t *problem)
{
    if (problem->tag == CALC_FORMULAS_PROBLEM_SYNTAX)
        fprintf(stderr, "%s\n%*s what is this?\n", text, (int)problem->val.syntax + 1, "^");
    else
        fprintf(stderr, "what is `%.*s`?\n", (int)problem->val.unknown.len, problem->val.unknown.ptr);
    calc_formulas_problem_free(problem);
    calc_delete(calc);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: calc FORMULA [NAME=VALUE]...\n");
        return 2;
    }
    calc_config_t config = {.memory_bytes_max = 16 << 20};
    if (calc_new(&config, &calc) != CALC_OK)
        return ended();

    calc_string_t text = {argv[1], strlen(argv[1])};
    calc_result_formulas_formula_formulas_problem_t parsed;
    if (calc_formulas_formula_parse(calc, &text, &parsed) != CALC_OK)
        return ended();
    if (parsed.is_err)
        return told(argv[1], &parsed.val.err);

    calc_formulas_variable_t *variables = calloc((size_t)argc, sizeof *variables);
    if (!variables)
        return 1;
    calc_list_formulas_variable_t list = {variables, 0};
    for (int i = 2; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        if (equals)
            variables[list.len++] = (calc_formulas_variable_t){{argv[i], (size_t)(equals - argv[i])}, atof(equals + 1)};
    }
    calc_result_f64_formulas_problem_t value;
    calc_status_t status = calc_formulas_formula_value(calc, parsed.val.ok, &list, &value);
    free(variables);
    if (status != CALC_OK)
        return ended();
    if (value.is_err)
        return told(argv[1], &value.val.err);
    printf("%g\n", value.val.ok);
    calc_formulas_formula_drop(calc, parsed.val.ok);
    calc_delete(calc);
}
