/*===- program.h - the ABI between compiled programs and the runtime ------------------------------===*\
|*
|* A program is a set of tables that the compiler writes and the runtime executes. Everything here is
|* plain C without pointers into other tables: kernels and functions are named and resolved when the
|* program is loaded, places in memory are a space, an index and an offset. The same tables run from
|* memory, from a file, or from an executable.
|*
|* Vocabulary: a *step* computes one batch of tokens. A *bucket* is the task list for a range of token
|* counts. A *task* is one dispatch: a kernel, or a generated function, over *shards* that any worker
|* may claim. An *operand* says where a value lies; a *view* is the address it has while a step runs.
|*
\*===----------------------------------------------------------------------------------------------===*/
#ifndef CHORDAL_RUNTIME_PROGRAM_H
#define CHORDAL_RUNTIME_PROGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CHORDAL_PROGRAM_VERSION = 3 };

/* Positions in one block of the KV cache. A block of one head is contiguous: [head][position][dim]. */
enum { CHORDAL_KV_BLOCK_POSITIONS = 64 };

/* Alignment in bytes of arena slices, activation rows, KV blocks and worker scratch. */
enum { CHORDAL_ALIGNMENT = 64 };

/*===--- What varies from step to step ------------------------------------------------------------===*/

/* One sequence of a step: how far its KV cache reaches and where its blocks are. */
typedef struct chordal_sequence {
  uint32_t n_positions;      /* positions in the cache once this step's tokens are appended */
  uint32_t slot;             /* its number in the KV cache: where its rings lie, see chordal_state */
  const uint32_t *kv_blocks; /* physical block of logical block i = position / KV_BLOCK_POSITIONS */
} chordal_sequence;

/* The inputs of a step. The struct and the arrays stay at fixed addresses for a session's life, so that
 * recorded launches can be replayed. Positions of one sequence are consecutive within a step. */
typedef struct chordal_step {
  uint32_t n_tokens;
  uint32_t n_outputs;               /* rows whose logits are wanted; 0: none are computed */
  uint32_t n_sequences;
  uint32_t reserved;
  const int32_t *token;             /* [n_tokens] */
  const int32_t *position;          /* [n_tokens] */
  const int32_t *sequence;          /* [n_tokens] index into sequences */
  const int32_t *output_row;        /* [n_outputs] index into the step's tokens */
  const chordal_sequence *sequences; /* [n_sequences] */
  float *logits;                    /* [n_outputs, vocabulary] */
} chordal_step;

/*===--- What a task sees while it runs -------------------------------------------------------------===*/

/* A matrix in memory: row i begins at data + i * row_bytes. row_bytes 0 repeats one row for all. */
typedef struct chordal_view {
  void *data;
  uint64_t row_bytes;
} chordal_view;

/* A generated element-wise function over rows [row_begin, row_end) and columns [column_begin,
 * column_end) of its views (float32). Column c of row r of view v is at v.data + r * v.row_bytes + 4 * c. */
typedef void (*chordal_function)(const chordal_view *views, uint64_t row_begin, uint64_t row_end,
                                 uint64_t column_begin, uint64_t column_end);

typedef struct chordal_task_args {
  const chordal_step *step;
  uint32_t n_rows;                    /* the task's rows: step->n_tokens or step->n_outputs */
  uint32_t reserved;
  const chordal_view *operands;       /* the kernel's operands, in the order its family states */
  const uint32_t *parameters;         /* the family's parameter struct */
  const chordal_function *functions;  /* generated epilogues, see MatmulParameters; or NULL */
  const chordal_view *function_views; /* their views, without the tile views that the kernel supplies */
  void *scratch;                      /* private to the worker, aligned, as large as the task asks */
} chordal_task_args;

/* The body of a hand-written kernel: computes one shard. Never fails: all was checked before. */
typedef void (*chordal_kernel)(const chordal_task_args *args, uint32_t shard);

/*===--- The tables -----------------------------------------------------------------------------------===*/

/* Where an operand lies. */
enum chordal_space {
  CHORDAL_SPACE_ARENA = 0,    /* offset into the arena */
  CHORDAL_SPACE_WEIGHT = 1,   /* index of a weight, offset into it */
  CHORDAL_SPACE_STATE = 2,    /* index of a state; the view's row_bytes is the bytes of a KV block */
  CHORDAL_SPACE_CONSTANT = 3, /* offset into the program's constant bytes */
  CHORDAL_SPACE_TOKEN = 4,    /* step->token, and so on: int32 arrays of the step */
  CHORDAL_SPACE_POSITION = 5,
  CHORDAL_SPACE_SEQUENCE = 6,
  CHORDAL_SPACE_OUTPUT_ROW = 7,
  CHORDAL_SPACE_LOGITS = 8    /* step->logits */
};

typedef struct chordal_operand {
  uint32_t space;
  uint32_t index;
  uint64_t offset;
  uint64_t row_bytes;
} chordal_operand;

/* Which count a task's shards follow. */
enum chordal_rows {
  CHORDAL_ROWS_TOKENS = 0,
  CHORDAL_ROWS_OUTPUTS = 1
};

enum { CHORDAL_NONE = 0xffffffffu };

/* The kernel that computes a task's shards from first_shard on (a matmul of several weights has one for
 * each weight's format). */
typedef struct chordal_kernel_ref {
  uint32_t kernel; /* index into the program's kernel names */
  uint32_t first_shard;
} chordal_kernel_ref;

/* One dispatch. n_shards = (row_tile ? ceil(rows / row_tile) : rows > 0) * shard_factor, where rows is
 * the step's n_tokens or n_outputs; a task whose rows are 0 is complete once those it depends on are. A
 * task without kernels runs functions[0] over its rows by row_tile and all columns (parameters[0]), its
 * views being the function operands; its shard_factor is 1. Every row of an operand, up to the bucket's
 * max_tokens, begins within the operand's memory; a state is addressed with offset 0. */
typedef struct chordal_task {
  uint32_t name;            /* offset of its name in the strings */
  uint32_t first_kernel, n_kernels; /* in kernel_refs, ascending by first_shard */
  uint32_t rows;            /* enum chordal_rows */
  uint32_t row_tile;
  uint32_t shard_factor;
  uint32_t device, queue;
  uint32_t first_operand, n_operands;
  uint32_t first_parameter, n_parameters;
  uint32_t first_function, n_functions;         /* in function_refs */
  uint32_t first_function_operand, n_function_operands; /* in operands */
  uint32_t first_dependency, n_dependencies;    /* in dependencies: task indices within the bucket */
  uint32_t layer;           /* for display: the model's layer, or CHORDAL_NONE */
  uint64_t scratch_bytes;
  uint64_t weight_bytes;    /* cost: bytes of weights read once */
  uint64_t operations_per_row; /* cost: arithmetic operations for each row */
} chordal_task;

typedef struct chordal_bucket {
  uint32_t min_tokens, max_tokens;
  uint32_t first_task, n_tasks;
  uint64_t arena_bytes;
} chordal_bucket;

/* Where the bytes of a weight are. */
typedef struct chordal_weight {
  uint32_t name;
  uint32_t format; /* id in the table of formats */
  uint32_t shard;  /* file of a split model */
  uint32_t layout; /* 0: rows as in the file */
  uint64_t offset, bytes;
  uint64_t rows, columns;
} chordal_weight;

/* Blocks of a ring that hold a window and the tokens of a step wherever they begin (64-bit numbers). */
#define CHORDAL_RING_BLOCKS(window, tokens)                                                          \
  (((uint64_t)(window) + (tokens) + CHORDAL_KV_BLOCK_POSITIONS - 1) / CHORDAL_KV_BLOCK_POSITIONS + 1)

enum chordal_element { CHORDAL_F32 = 0, CHORDAL_F16 = 1 };

/* One tensor of the KV cache: K or V of one layer. A state that is only ever read through a sliding
 * window keeps the blocks that the window and one step need: they are a ring of each sequence, which
 * does not use the sequence's table. Physical block of logical block i: slot * ring_blocks + i %
 * ring_blocks. The kernels that work on the state are given the same ring_blocks. */
typedef struct chordal_state {
  uint32_t name;
  uint32_t element;     /* enum chordal_element */
  uint32_t heads, dimension;
  uint64_t block_bytes; /* heads * CHORDAL_KV_BLOCK_POSITIONS * dimension * element size, aligned */
  uint32_t window;      /* positions that a token looks at, itself included; 0: all */
  uint32_t ring_blocks; /* 0 if window is 0; else CHORDAL_RING_BLOCKS or more */
} chordal_state;

/* The model's numbers that the runtime itself needs. */
typedef struct chordal_shape {
  uint32_t vocabulary;
  uint32_t context_length; /* the most positions of a sequence */
  uint32_t embedding;
  uint32_t layers;
} chordal_shape;

#ifdef __cplusplus
}
#endif
#endif
