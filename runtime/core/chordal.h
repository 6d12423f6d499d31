/*===- chordal.h - language models from C
--------------------------------------------------------===*\
|*
|* One interface, two libraries that have it:
|*
|*   - what `chordal compile --emit lib` makes: a model as a library, which opens its own program;
|*   - libchordal, which has the compiler inside and opens GGUF files and compiled programs.
|*
|* A *model* is what does not change: weights, code, vocabulary. A *session* has tokens, and the
|* memory (KV cache) of what the model made of them. Calls:
|*
|*   chordal_model *model;
|*   chordal_session *session;
|*   chordal_open(NULL, NULL, &model);
|*   chordal_session_open(model, NULL, &session);
|*   chordal_generate(session, tokens, count, NULL, print, NULL, NULL);
|*   chordal_session_close(session);
|*   chordal_close(model);
|*
|* Errors. Functions that can fail return a chordal_status; then chordal_last_error() says what was
|* wrong. A function that fails changes nothing but what its description names. Bad arguments (null
|* pointers where none are allowed, tokens outside the vocabulary) are errors, not undefined
|* behaviour; pointers that point nowhere, or to what was closed, are not detected.
|*
|* Threads. A model may be used by any number of threads at once. A session serves one call at a
|* time: a second one is refused with CHORDAL_ERROR_BUSY. Sessions do not disturb each other: each
|* gives the same results, bit for bit, as if it were alone. Only chordal_cancel may be called on a
|* session that is at work.
|*
|* Structs. Those that may grow begin with `size`, which says how much of them the caller knows: set
|* it to sizeof. Texts are UTF-8.
|*
|* Libraries. All state belongs to models and sessions (but for chordal_last_error, which each
thread
|* has): several libraries of this interface can be in one process. They share no symbols; load them
|* so that each is asked for its own (dlopen with RTLD_LOCAL and dlsym). Such a library stays mapped
|* until the process ends, for its worker threads do.
|*
\*===---------------------------------------------------------------------------------------------===*/
#ifndef CHORDAL_H
#define CHORDAL_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CHORDAL_API __attribute__((visibility("default")))
#else
#define CHORDAL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when something is added; what exists stays as it is. */
#define CHORDAL_API_VERSION 1

/* The CHORDAL_API_VERSION that the library was built with. */
CHORDAL_API uint32_t chordal_api_version(void);

typedef struct chordal_model chordal_model;
typedef struct chordal_session chordal_session;

/*===--- errors
 * ----------------------------------------------------------------------------------===*/

typedef int32_t chordal_status;
enum {
  CHORDAL_OK = 0,
  CHORDAL_ERROR_FAILED = 1,      /* anything not listed below */
  CHORDAL_ERROR_IO = 2,          /* a file cannot be opened, read or mapped */
  CHORDAL_ERROR_MALFORMED = 3,   /* a file is damaged, or none of its kind */
  CHORDAL_ERROR_MISSING = 4,     /* the file, or the part of it asked for, does not exist */
  CHORDAL_ERROR_UNSUPPORTED = 5, /* well-formed, but beyond what this library or machine can do */
  CHORDAL_ERROR_ARGUMENT = 6,    /* an argument that is not allowed */
  CHORDAL_ERROR_FULL = 7,        /* no room is left: in the context, or in the caller's array */
  CHORDAL_ERROR_CANCELLED = 8,   /* chordal_cancel */
  CHORDAL_ERROR_BUSY = 9,        /* the session is at work in another call */
  CHORDAL_ERROR_MEMORY = 10      /* the system gives no more memory */
};

/* What the last failure of a call on this thread was; "" if there was none. Valid until the next
 * call on this thread. */
CHORDAL_API const char* chordal_last_error(void);

/*===--- models
 * ----------------------------------------------------------------------------------===*/

typedef struct chordal_open_options {
  size_t size;
  const char* isa; /* highest instruction-set level to use, "x86-64-v3" ...; NULL: the machine's */
  const char*
      kv_type;      /* elements of the KV cache, "f16" or "f32"; NULL: f16, or what a program has */
  uint32_t context; /* GGUF files: positions to compile for; 0: as trained, at most 4096 */
} chordal_open_options;

/* Opens a model into *model.
 *
 * path: a compiled program (executable or library) or, for libchordal, also a GGUF file (of a split
 * model: any part). NULL: the program in this library. A compiled library opens itself and what was
 * compiled from the same model with the same options; anything else is CHORDAL_ERROR_UNSUPPORTED.
 * Weights are mapped, not read: the file must stay unchanged while the model is open.
 * options: NULL: all defaults. */
CHORDAL_API chordal_status chordal_open(const char* path, const chordal_open_options* options,
                                        chordal_model** model);

/* Closes a model. Its sessions stay usable; the model goes when the last of them is closed. NULL is
 * allowed. */
CHORDAL_API void chordal_close(chordal_model* model);

typedef struct chordal_info {
  size_t size;
  const char* name;         /* as the file says; "" if it does not. Texts belong to the model */
  const char* architecture; /* "llama" ... */
  const char* isa;          /* instruction-set level in use */
  uint32_t vocabulary; /* tokens: ids are 0 to vocabulary - 1, a row of logits has as many floats */
  uint32_t context;    /* most positions of a session */
  uint32_t embedding;  /* width of the model */
  uint32_t layers;
  uint64_t weight_bytes;
  int32_t bos, eos;     /* tokens that begin and end texts; -1: none */
  int32_t has_template; /* 1 if there is a chat template, else 0 */
} chordal_info;

/* Fills the first info->size bytes of *info. */
CHORDAL_API chordal_status chordal_get_info(const chordal_model* model, chordal_info* info);

/*===--- texts
 * -----------------------------------------------------------------------------------===*/

/* Stands for the length of a text that ends with a zero byte. */
#define CHORDAL_ZERO_TERMINATED ((size_t)-1)

enum {
  /* chordal_tokenize: the tokens that begin and end texts, as the vocabulary says */
  CHORDAL_ADD_SPECIAL = 1,
  /* chordal_tokenize: read "<|im_end|>" as the control token rather than as its letters */
  CHORDAL_PARSE_SPECIAL = 2,
  /* chordal_detokenize: write control tokens as their names; else they vanish */
  CHORDAL_SHOW_SPECIAL = 4
};

/* Text to tokens. Writes the tokens' ids to `tokens`, which has room for `capacity`, and their
 * number to *count. If they do not fit, *count says how many there are, nothing else is written,
 * and the status is CHORDAL_ERROR_FULL. `tokens` may be NULL if `capacity` is 0.
 *
 * text, size: any bytes; what is no UTF-8 is tokenized byte by byte. flags: CHORDAL_ADD_SPECIAL |
 * CHORDAL_PARSE_SPECIAL, or 0. To continue a text as `chordal run` does, give both. */
CHORDAL_API chordal_status chordal_tokenize(const chordal_model* model, const char* text,
                                            size_t size, uint32_t flags, int32_t* tokens,
                                            size_t capacity, size_t* count);

/* Tokens to text: the reverse of chordal_tokenize. Writes the text and a zero byte to `text`, which
 * has room for `capacity` bytes, and the length without the zero byte to *size. If both do not fit,
 * *size says how long it is, nothing else is written, and the status is CHORDAL_ERROR_FULL. `text`
 * may be NULL if `capacity` is 0. flags: CHORDAL_SHOW_SPECIAL or 0. */
CHORDAL_API chordal_status chordal_detokenize(const chordal_model* model, const int32_t* tokens,
                                              size_t count, uint32_t flags, char* text,
                                              size_t capacity, size_t* size);

/* 1 if the token ends a text or an answer; 0 if not, or if there is no such token. */
CHORDAL_API int32_t chordal_is_end(const chordal_model* model, int32_t token);

/* Renders the model's chat template: the text to tokenize (with CHORDAL_PARSE_SPECIAL) for a
 * conversation. `variables`: a JSON object of the template's variables, such as
 * {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": true}
 * text, capacity, size: as chordal_detokenize. CHORDAL_ERROR_MISSING: there is no template. */
CHORDAL_API chordal_status chordal_render(const chordal_model* model, const char* variables,
                                          char* text, size_t capacity, size_t* size);

/*===--- sessions
 * --------------------------------------------------------------------------------===*/

typedef struct chordal_session_options {
  size_t size;
  uint32_t context; /* most positions; 0: the model's, which is also the most */
  uint32_t threads; /* worker threads; results do not depend on it. 0: those the process may use */
  uint32_t ubatch;  /* most tokens of one step; 0: 512 */
} chordal_session_options;

/* A session without tokens, into *session. options: NULL: all defaults. Memory is used as the
 * session grows. */
CHORDAL_API chordal_status chordal_session_open(chordal_model* model,
                                                const chordal_session_options* options,
                                                chordal_session** session);

/* Closes a session, which must not be at work. NULL is allowed. */
CHORDAL_API void chordal_session_close(chordal_session* session);

/* The tokens that the session has. */
CHORDAL_API size_t chordal_session_length(const chordal_session* session);

/* Cuts the session back to its first `length` tokens. With some models (sliding windows) only 0 may
 * be possible; then the status is CHORDAL_ERROR_FAILED. */
CHORDAL_API chordal_status chordal_session_truncate(chordal_session* session, size_t length);

/* Appends tokens and computes logits: of the last `rows` of them, to `logits`, which has room for
 * rows * vocabulary floats, row after row. `rows` may be 0 (`logits` may then be NULL) to `count`.
 * After CHORDAL_ERROR_CANCELLED the session has some of the tokens: see chordal_session_length. */
CHORDAL_API chordal_status chordal_evaluate(chordal_session* session, const int32_t* tokens,
                                            size_t count, size_t rows, float* logits);

typedef struct chordal_generate_options {
  size_t size;
  uint32_t max_tokens;  /* most tokens to generate; default: UINT32_MAX, no limit */
  float temperature;    /* 0: always the likeliest token; default: 0.8 */
  uint32_t top_k;       /* choose among so many likeliest tokens; 0: all; default: 40 */
  float top_p;          /* choose among the likeliest that sum to this; 1: all; default: 0.95 */
  float min_p;          /* drop tokens below this share of the likeliest; 0: none; default: 0.05 */
  float repeat_penalty; /* on tokens among the last repeat_last_n; 1: none; default: 1 */
  uint32_t repeat_last_n;   /* default: 64 */
  uint64_t seed;            /* the same seed gives the same tokens; default: 0 */
  const char* const* stops; /* texts to stop before, none of them empty; default: NULL */
  size_t stop_count;        /* how many there are; default: 0 */
  int32_t ignore_eos;       /* 1: never choose a token that ends the text; default: 0 */
} chordal_generate_options;

/* Fills *options with the defaults; size: sizeof *options. */
CHORDAL_API void chordal_generate_defaults(chordal_generate_options* options, size_t size);

/* What a callback is told. */
typedef struct chordal_token {
  size_t size;      /* of this struct, in bytes */
  int32_t id;       /* the token; -1: none, only text that had been held back: the last call */
  const char* text; /* what became certain with it: whole characters, and nothing that could be part
                       of a stop text; often "". Zero-terminated; valid during the call */
  size_t text_size; /* bytes of text, without the zero byte: a text may contain one */
} chordal_token;

/* Called for each token, on the thread that called chordal_generate. 0: go on; else generation
 * ends. It must return (no exceptions, no longjmp) and may call everything but functions of the
 * session that is generating, of which it may call chordal_cancel. */
typedef int32_t (*chordal_callback)(void* user, const chordal_token* token);

/* Why generation ended. */
typedef int32_t chordal_end;
enum {
  CHORDAL_END_COUNT = 0,   /* max_tokens */
  CHORDAL_END_TOKEN = 1,   /* a token that ends texts was chosen; it is not passed on */
  CHORDAL_END_STOP = 2,    /* a stop text; it is not passed on */
  CHORDAL_END_CONTEXT = 3, /* the context is full */
  CHORDAL_END_CALLBACK = 4 /* the callback wanted no more */
};

/* Appends the tokens of a prompt (count: 1 or more) and generates what follows, token by token;
 * each is passed to `callback` with `user`. options: NULL: the defaults. end: where to write why it
 * ended; may be NULL, as may `callback`. Afterwards the session has the prompt and the tokens that
 * were passed on; the last of them only after CHORDAL_END_TOKEN. After CHORDAL_ERROR_CANCELLED it
 * has as many as were complete. */
CHORDAL_API chordal_status chordal_generate(chordal_session* session, const int32_t* prompt,
                                            size_t count, const chordal_generate_options* options,
                                            chordal_callback callback, void* user,
                                            chordal_end* end);

/* Ends the call that is at work in the session, or the next one if none is, with
 * CHORDAL_ERROR_CANCELLED. From any thread, or a signal handler. */
CHORDAL_API void chordal_cancel(chordal_session* session);

#ifdef __cplusplus
}
#endif
#endif
