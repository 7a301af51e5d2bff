#include "realm/schema_version.hpp"

#include <string>
#include <vector>

#include "model/schema_differences.hpp"

namespace realmsync::realm {

namespace schema_version {

std::int64_t find(sqlite::Database& db, const model::Schema& schema) {
    if (db.integer("SELECT 1 FROM sqlite_schema WHERE name = 'rs_schema_version'")) {
        if (const auto found = db.integer("SELECT version FROM rs_schema_version WHERE id = 1"))
            return *found;
    }
    return schema.classes.empty() ? kNone : 0;
}

void store(sqlite::Database& db, std::int64_t version) {
    db.exec("CREATE TABLE IF NOT EXISTS rs_schema_version("
            "id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL) STRICT");
    db.run("INSERT OR REPLACE INTO rs_schema_version VALUES(1, ?)", version);
}

} // namespace schema_version

namespace {

using model::Difference;
using Kind = Difference::Kind;
using Reason = SchemaRefused::Reason;

bool is_addition(const Difference& d) {
    return d.kind == Kind::class_added || d.kind == Kind::property_added;
}

bool needs_migration(const Difference& d) {
    return d.kind != Kind::class_added && d.kind != Kind::class_removed;
}

bool contradicts(const Difference& d) {
    return needs_migration(d) && d.kind != Kind::property_added && d.kind != Kind::property_removed;
}

std::vector<Difference> those(std::vector<Difference> all, bool (*which)(const Difference&)) {
    std::erase_if(all, [&](const Difference& d) { return !which(d); });
    return all;
}

} // namespace

SchemaStep schema_step(const model::Schema& existing, const model::Schema& declared,
                       SchemaMode mode, std::int64_t stored, std::optional<std::int64_t> version) {
    const auto all = model::differences(existing, declared);
    if (mode == SchemaMode::additive) {
        if (const auto faults = those(all, contradicts); !faults.empty())
            throw SchemaRefused(
                Reason::invalid_change,
                model::as_text("The following changes cannot be made in additive-only schema mode:",
                               faults));
        const bool is_noted = !version || *version == stored;
        return is_noted && those(all, is_addition).empty() ? SchemaStep::none : SchemaStep::add;
    }
    const auto faults = those(all, needs_migration);
    const std::int64_t wanted = version.value_or(stored == schema_version::kNone ? 0 : stored);
    if (stored != schema_version::kNone) { // a new file has nothing that could be lost
        if (mode == SchemaMode::anew && (wanted != stored || !faults.empty()))
            return SchemaStep::begin_anew;
        if (wanted < stored)
            throw SchemaRefused(Reason::lower_version, "Provided schema version " +
                                                           std::to_string(wanted) +
                                                           " is less than last set version " +
                                                           std::to_string(stored) + ".");
        if (wanted > stored)
            return SchemaStep::migrate;
        if (!faults.empty())
            throw SchemaRefused(
                Reason::mismatch,
                model::as_text("Migration is required due to the following errors:", faults));
    }
    return stored == wanted && those(all, is_addition).empty() ? SchemaStep::none : SchemaStep::add;
}

model::Schema merged(const model::Schema& existing, const model::Schema& declared,
                     bool keeps_properties) {
    model::Schema result = declared;
    for (const auto& [name, old] : existing.classes) {
        const auto [found, is_undeclared] = result.classes.try_emplace(name, old);
        if (is_undeclared || !keeps_properties)
            continue;
        auto cls = std::make_shared<model::Class>(*found->second);
        for (const model::Property& property : old->properties)
            if (cls->find(property.name) == model::Class::npos)
                cls->properties.push_back(property);
        cls->index();
        found->second = std::move(cls);
    }
    return result;
}

void require_compatible(const model::Schema& declared, const model::Schema& existing) {
    auto faults = model::differences(declared, existing);
    std::erase_if(faults, is_addition);
    if (!faults.empty())
        throw SchemaRefused(
            Reason::invalid_change,
            model::as_text("Unsupported schema changes were made by another client or process:",
                           faults));
}

} // namespace realmsync::realm
