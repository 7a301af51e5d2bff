// How values and names are spelled in the text of a query (query-language.md 19.2), each by itself:
// which value is written where is print.hpp's.
#pragma once

#include <string>
#include <string_view>

#include "model/value.hpp"

namespace realmsync::query {

// Digits of floating point numbers: so many that they read back, or the six of the reference's
// streams, which it uses for numbers that a Mixed holds.
enum class Digits : bool { all, six };

// No collections and embedded objects: no constant holds one.
std::string literal(const model::Value& value, Digits digits = Digits::all);
// Between quotes where every byte may stand there, else as base64.
std::string string_literal(std::string_view bytes);
std::string key_literal(const Key& key); // of a primary key, as obj() takes it

// A name with backslashes before its blanks, as identifiers of the language have them.
std::string escaped_name(std::string_view name);

} // namespace realmsync::query
