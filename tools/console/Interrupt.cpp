//===- Interrupt.cpp - Ctrl-C -----------------------------------------------------------------===//
#include "tools/console/Interrupt.h"

#include <atomic>
#include <csignal>

namespace chordal {

namespace {

std::atomic<Session*> cancelled{nullptr};
volatile std::sig_atomic_t flag = 0;

void cancelSession(int) {
  if (Session* session = cancelled.load())
    session->cancel();
}

void setFlag(int) {
  flag = 1;
}

void catchOnce(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = int(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

} // namespace

InterruptGuard::InterruptGuard(Session& session) {
  cancelled.store(&session);
  catchOnce(SIGINT, cancelSession);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  cancelled.store(nullptr);
}

InterruptFlag::InterruptFlag() {
  flag = 0;
  catchOnce(SIGINT, setFlag);
  catchOnce(SIGTERM, setFlag);
}

InterruptFlag::~InterruptFlag() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptFlag::isSet() {
  return flag != 0;
}

} // namespace chordal
