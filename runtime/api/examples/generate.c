/*===- generate.c - a text continued, from C -----------------------------------------------------===*\
|*
|* Usage: generate MODEL PROMPT COUNT [LOGITS]
|*
|* Prints the likeliest COUNT tokens after PROMPT. MODEL is a file, or "-" for the program in the
|* library. Writes the logits of each of the prompt's tokens to the file LOGITS, as float32. Build it
|* with what `chordal compile model.gguf --emit lib -o libtale.so` made:
|*
|*   cc -std=c11 generate.c -o generate -L. -ltale -Wl,-rpath,'$ORIGIN'
|*
\*===---------------------------------------------------------------------------------------------===*/
#include "chordal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what) {
  fprintf(stderr, "generate: %s: %s\n", what, chordal_last_error());
  return 1;
}

/* Prints each piece of text as it comes. */
static int32_t show(void *user, const chordal_token *token) {
  FILE *out = user;
  int good = fwrite(token->text, 1, token->text_size, out) == token->text_size && !fflush(out);
  return good ? 0 : 1;
}

static int write_logits(chordal_session *session, const int32_t *tokens, size_t count,
                        size_t vocabulary, const char *path) {
  float *logits = malloc(count * vocabulary * sizeof *logits);
  FILE *file = fopen(path, "wb");
  int result = 1;
  if (!logits || !file)
    fprintf(stderr, "generate: cannot write %s\n", path);
  else if (chordal_evaluate(session, tokens, count, count, logits))
    failed("logits");
  else
    result = fwrite(logits, sizeof *logits * vocabulary, count, file) != count;
  if (file && fclose(file))
    result = 1;
  free(logits);
  return result;
}

static int run(chordal_model *model, chordal_session *session, char **arguments) {
  chordal_info info = {.size = sizeof info};
  chordal_generate_options options;
  int32_t *tokens;
  size_t count = 0;
  int result = 0;

  if (chordal_get_info(model, &info))
    return failed("info");
  /* How many tokens are there? Then room for them. */
  chordal_status status = chordal_tokenize(model, arguments[2], CHORDAL_ZERO_TERMINATED,
                                           CHORDAL_ADD_SPECIAL | CHORDAL_PARSE_SPECIAL, NULL, 0,
                                           &count);
  if (status != CHORDAL_OK && status != CHORDAL_ERROR_FULL)
    return failed("prompt");
  tokens = malloc((count ? count : 1) * sizeof *tokens);
  if (!tokens)
    return 1;
  if (chordal_tokenize(model, arguments[2], CHORDAL_ZERO_TERMINATED,
                       CHORDAL_ADD_SPECIAL | CHORDAL_PARSE_SPECIAL, tokens, count, &count))
    result = failed("prompt");

  if (!result && arguments[4]) {
    result = write_logits(session, tokens, count, info.vocabulary, arguments[4]);
    if (!result && chordal_session_truncate(session, 0))
      result = failed("truncate");
  }
  chordal_generate_defaults(&options, sizeof options);
  options.temperature = 0;
  options.max_tokens = (uint32_t)strtoul(arguments[3], NULL, 10);
  if (!result && chordal_generate(session, tokens, count, &options, show, stdout, NULL))
    result = failed("generate");
  free(tokens);
  return result;
}

int main(int argc, char **argv) {
  chordal_model *model = NULL;
  chordal_session *session = NULL;
  int result;

  if (argc != 4 && argc != 5) {
    fprintf(stderr, "usage: generate MODEL PROMPT COUNT [LOGITS]\n");
    return 2;
  }
  if (chordal_open(strcmp(argv[1], "-") ? argv[1] : NULL, NULL, &model))
    return failed("open");
  if (chordal_session_open(model, NULL, &session))
    result = failed("session");
  else
    result = run(model, session, argv);
  chordal_session_close(session);
  chordal_close(model);
  return result;
}
