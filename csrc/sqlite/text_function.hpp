// Functions of ours that statements, triggers and indexes of a connection may call.
#pragma once

#include <string>
#include <string_view>

#include "sqlite/sqlite.hpp"

namespace realmsync::sqlite {

// `name`(text) gives what `of` makes of it, null of null. The same text gives the same always.
using TextFunction = std::string (*)(std::string_view);
void define(Database& db, const char* name, TextFunction of);

} // namespace realmsync::sqlite
