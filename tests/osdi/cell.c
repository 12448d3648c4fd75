/* A cell as a compiled model: a resistor whose conductance is goff + (gon - goff) x0.

   Written against the published interface OSDI 0.3; what a simulator reads of it is declared here.
   Compilers of Verilog-A write such files; this one is small enough to be read. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NONE UINT32_MAX
#define REAL_OF_INSTANCE (1u << 30)
#define RESISTIVE (1u | 4u) /* an entry of the Jacobian that is constant, and resistive */
#define SET 1u
#define OF_INSTANCE 4u

typedef struct { char **names; double *values; char **text_names; char **texts; } SimParas;
typedef struct { SimParas paras; double time, *voltages, *state, *next; uint32_t flags; } SimInfo;
typedef struct { uint32_t flags, num_errors; void *errors; } InitInfo;
typedef struct { uint32_t first, second; } Pair;
typedef struct { Pair nodes; uint32_t react_ptr_off, flags; } JacobianEntry;
typedef struct {
  char *name, *units, *residual_units;
  uint32_t resist_off, react_off, resist_limit_off, react_limit_off;
  bool is_flow;
} Node;
typedef struct { char **names; uint32_t num_alias; char *description, *units; uint32_t flags, len; }
  Parameter;

typedef struct { double gon, goff; bool has_gon, has_goff; } Model;
typedef struct {
  double x0, mfactor, conductance, current[2];
  double *jacobian[4];
  uint32_t nodes[2];
} Instance;

typedef struct {
  char *name;
  uint32_t num_nodes, num_terminals;
  Node *nodes;
  uint32_t num_jacobian_entries;
  JacobianEntry *jacobian_entries;
  uint32_t num_collapsible;
  Pair *collapsible;
  uint32_t collapsed_offset;
  void *noise_sources;
  uint32_t num_noise_sources;
  uint32_t num_params, num_instance_params, num_opvars;
  Parameter *params;
  uint32_t node_mapping_offset, jacobian_ptr_resist_offset;
  uint32_t num_states, state_idx_offset, bound_step_offset;
  uint32_t instance_size, model_size;
  void *(*access)(void *, void *, uint32_t, uint32_t);
  void (*setup_model)(void *, void *, SimParas *, InitInfo *);
  void (*setup_instance)(void *, void *, void *, double, uint32_t, SimParas *, InitInfo *);
  uint32_t (*eval)(void *, void *, void *, SimInfo *);
  void (*load_noise)(void *, void *, double, double *, double *);
  void (*load_residual_resist)(void *, void *, double *);
  void (*load_residual_react)(void *, void *, double *);
  void (*load_limit_rhs_resist)(void *, void *, double *);
  void (*load_limit_rhs_react)(void *, void *, double *);
  void (*load_spice_rhs_dc)(void *, void *, double *, double *);
  void (*load_spice_rhs_tran)(void *, void *, double *, double *, double);
  void (*load_jacobian_resist)(void *, void *);
  void (*load_jacobian_react)(void *, void *, double);
  void (*load_jacobian_tran)(void *, void *, double);
} Descriptor;

static void *access_parameter(void *instance, void *model, uint32_t id, uint32_t flags) {
  Instance *cell = instance;
  Model *shared = model;
  if (id < 2)
    return flags & OF_INSTANCE ? (id ? (void *)&cell->x0 : (void *)&cell->mfactor) : NULL;
  if (flags & SET) *(id == 2 ? &shared->has_gon : &shared->has_goff) = true;
  return id == 2 ? &shared->gon : id == 3 ? &shared->goff : NULL;
}

static void setup_model(void *handle, void *model, SimParas *paras, InitInfo *result) {
  Model *shared = model;
  if (!shared->has_gon) shared->gon = 150e-6;
  if (!shared->has_goff) shared->goff = 1e-6;
  *result = (InitInfo){0, 0, NULL};
}

static void setup_instance(void *handle, void *instance, void *model, double temperature,
                           uint32_t terminals, SimParas *paras, InitInfo *result) {
  Instance *cell = instance;
  Model *shared = model;
  cell->conductance = shared->goff + (shared->gon - shared->goff) * cell->x0;
  *result = (InitInfo){0, 0, NULL};
}

static uint32_t eval(void *handle, void *instance, void *model, SimInfo *info) {
  Instance *cell = instance;
  double drop = info->voltages[cell->nodes[0]] - info->voltages[cell->nodes[1]];
  cell->current[0] = cell->conductance * drop;
  cell->current[1] = -cell->current[0];
  return 0;
}

static void load_residual(void *instance, void *model, double *into) {
  Instance *cell = instance;
  for (int k = 0; k < 2; k++) into[cell->nodes[k]] += cell->current[k];
}

static void load_right_side(void *instance, void *model, double *into, double *voltages) {
  /* J v - i is zero: the cell is linear */
}

static void load_right_side_tran(void *i, void *m, double *into, double *voltages, double alpha) {}

static void load_jacobian(void *instance, void *model) {
  Instance *cell = instance;
  for (int k = 0; k < 4; k++)
    *cell->jacobian[k] += k == 0 || k == 3 ? cell->conductance : -cell->conductance;
}

static void load_jacobian_tran(void *instance, void *model, double alpha) {
  load_jacobian(instance, model);
}

static void nothing(void *instance, void *model, double *into) {}
static void no_jacobian(void *instance, void *model, double alpha) {}
static void no_noise(void *i, void *m, double frequency, double *density, double *log_density) {}

static Node nodes[] = {
  {"te", "V", "A", offsetof(Instance, current[0]), NONE, NONE, NONE, false},
  {"be", "V", "A", offsetof(Instance, current[1]), NONE, NONE, NONE, false},
};
static JacobianEntry entries[] = {
  {{0, 0}, NONE, RESISTIVE}, {{0, 1}, NONE, RESISTIVE},
  {{1, 0}, NONE, RESISTIVE}, {{1, 1}, NONE, RESISTIVE},
};
static char *m_names[] = {"$mfactor"}, *x0_names[] = {"x0"};
static char *gon_names[] = {"gon"}, *goff_names[] = {"goff"};
static Parameter parameters[] = {
  {m_names, 0, "multiplicity", "", REAL_OF_INSTANCE, 0},
  {x0_names, 0, "state", "", REAL_OF_INSTANCE, 0},
  {gon_names, 0, "conductance at state 1", "S", 0, 0},
  {goff_names, 0, "conductance at state 0", "S", 0, 0},
};

Descriptor OSDI_DESCRIPTORS[] = {{
  .name = "osdi_cell", .num_nodes = 2, .num_terminals = 2, .nodes = nodes,
  .num_jacobian_entries = 4, .jacobian_entries = entries,
  .num_params = 4, .num_instance_params = 2, .params = parameters,
  .node_mapping_offset = offsetof(Instance, nodes),
  .jacobian_ptr_resist_offset = offsetof(Instance, jacobian),
  .bound_step_offset = NONE,
  .instance_size = sizeof(Instance), .model_size = sizeof(Model),
  .access = access_parameter, .setup_model = setup_model, .setup_instance = setup_instance,
  .eval = eval, .load_noise = no_noise,
  .load_residual_resist = load_residual, .load_residual_react = nothing,
  .load_limit_rhs_resist = nothing, .load_limit_rhs_react = nothing,
  .load_spice_rhs_dc = load_right_side, .load_spice_rhs_tran = load_right_side_tran,
  .load_jacobian_resist = load_jacobian, .load_jacobian_react = no_jacobian,
  .load_jacobian_tran = load_jacobian_tran,
}};
uint32_t OSDI_VERSION_MAJOR = 0, OSDI_VERSION_MINOR = 3, OSDI_NUM_DESCRIPTORS = 1;
uint32_t OSDI_LIM_TABLE_LEN = 0;
void *OSDI_LIM_TABLE = NULL;
void *osdi_log = NULL;
