/* Floating point in structures: planets under gravity, by a symplectic integrator. */
#include "kernel.h"
#include <math.h>

enum { BODIES = 6, STEPS = 2500000 };

struct body {
    double x, y, z, vx, vy, vz, mass;
};

static struct body bodies[BODIES];

static void step(double dt)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *b = &bodies[j];
            double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            double squared = dx * dx + dy * dy + dz * dz + 0.01;
            double force = dt / (squared * sqrt(squared));
            a->vx -= dx * b->mass * force;
            a->vy -= dy * b->mass * force;
            a->vz -= dz * b->mass * force;
            b->vx += dx * a->mass * force;
            b->vy += dy * a->mass * force;
            b->vz += dz * a->mass * force;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];
        a->x += dt * a->vx;
        a->y += dt * a->vy;
        a->z += dt * a->vz;
    }
}

int main(void)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *a = &bodies[i];
        a->x = (double)(random_u32() % 1000) / 50;
        a->y = (double)(random_u32() % 1000) / 50;
        a->z = (double)(random_u32() % 1000) / 500;
        a->vx = (double)(random_u32() % 1000) / 1000 - 0.5;
        a->vy = (double)(random_u32() % 1000) / 1000 - 0.5;
        a->mass = i == 0 ? 40 : 0.1 * i;
    }
    for (int i = 0; i < STEPS; i++)
        step(0.001);
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++)
        sum = sum * 31 + bits_of(bodies[i].x) + bits_of(bodies[i].vy);
    report("nbody", sum);
    return 0;
}
