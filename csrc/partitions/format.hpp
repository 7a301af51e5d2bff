// The server's internal tables (server-behaviour.md 19.3), as far as partition sync needs them, and
// the versions of their formats. Tables of classes and of the schema are tables/tables.hpp's.
#pragma once

#include <cstdint>

#include "sqlite/sqlite.hpp"

namespace realmsync::partitions {

// The key of an entry of the history: entries of a partition stand together, in order. A partition
// that gets 1,000 versions a second reaches the last in two years.
constexpr int kVersionBits = 36;
constexpr std::uint64_t kLastVersion = (std::uint64_t{1} << kVersionBits) - 1;
constexpr std::uint64_t kLastPartition = (std::uint64_t{1} << (63 - kVersionBits)) - 1;
constexpr std::int64_t entry_id(std::uint64_t partition, std::uint64_t version) {
    return static_cast<std::int64_t>(partition << kVersionBits | version);
}

// Creates what is missing and migrates what older versions have left; inside a write transaction.
// Throws StoreError when a table was written by a newer version of this program.
void prepare_partition_tables(sqlite::Database& db);

} // namespace realmsync::partitions
