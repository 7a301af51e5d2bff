// The version of the schema that a realm file notes for its application, and what opening it with a
// declared schema asks for: nothing, additions, a migration, or a refusal
// (data-model.md 15.1, 15.2, 15.4). Plain functions inside the caller's transaction; how a
// migration is done is tables/schema_rewrite.hpp's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "model/schema.hpp"
#include "sqlite/sqlite.hpp"

namespace realmsync::realm {

namespace schema_version {

inline constexpr std::int64_t kNone = -1;

// kNone for a file without one that has no class either: it counts as new. A file that was filled
// without a version has 0.
std::int64_t find(sqlite::Database& db, const model::Schema& schema);
void store(sqlite::Database& db, std::int64_t version);

} // namespace schema_version

// What Realm has numbers for, and nothing else of the core: bindings/realm/schema.cpp.
class SchemaRefused : public ErrorException {
  public:
    enum class Reason {
        mismatch = 2017, // needs a migration
        lower_version = 2018,
        invalid_change = 2019, // that no migration makes
    };
    SchemaRefused(Reason refused, const std::string& message)
        : ErrorException({ErrorKind::schema, message}), reason(refused) {}
    const Reason reason;
};

enum class SchemaMode {
    additive,  // of synchronised realms, and of local ones without a version
    automatic, // what the version is for
    anew,      // the same, but where that would migrate, the file is deleted
};

enum class SchemaStep { none, add, migrate, begin_anew };

// What makes a file with `existing`, at the version `stored`, one of `declared`. `version`: the
// application's. Throws SchemaRefused.
SchemaStep schema_step(const model::Schema& existing, const model::Schema& declared,
                       SchemaMode mode, std::int64_t stored, std::optional<std::int64_t> version);

// What a file has once it is one of `declared`: that, and the classes that are not declared. With
// `keeps_properties` also the properties that are not.
model::Schema merged(const model::Schema& existing, const model::Schema& declared,
                     bool keeps_properties);

// A file that is open has changed: throws SchemaRefused unless the declaration still fits.
void require_compatible(const model::Schema& declared, const model::Schema& existing);

} // namespace realmsync::realm
