//===- Value.cpp - the values of a template ---------------------------------------------------===//
#include "runtime/core/template/Value.h"

namespace chordal::jinja {

Value Heap::string(std::string text, bool safe) {
  take(sizeof(StringObject) + text.size());
  Value value;
  value.data.string = new StringObject{this, 1, safe, std::move(text)};
  value.tag = Kind::String;
  return value;
}

void Value::release() {
  StringObject* string = data.string;
  if (--string->references != 0)
    return;
  string->heap->give(sizeof(StringObject) + string->text.size());
  delete string;
}

const Value* DictObject::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.isString() && name.asString() == key)
      return &value;
  return nullptr;
}

} // namespace chordal::jinja
