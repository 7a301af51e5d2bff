// The note in a realm file of the partition that it belongs to: the first one that it was
// synchronised with. Its cursors and its unsent changes are meant for no other (client-session.md
// 7.4). Plain functions inside the caller's transaction; when it is written is realm_file.cpp's
// business.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sqlite/sqlite.hpp"

namespace realmsync::realm::home_partition {

inline constexpr std::string_view kTable = "rs_home_partition";

void create(sqlite::Database& db); // the place for it; files of older versions lack it
// As extended JSON; none while the file was never synchronised.
std::optional<std::string> find(sqlite::Database& db);
void store(sqlite::Database& db, const std::string& partition);
void forget(sqlite::Database& db);

} // namespace realmsync::realm::home_partition
