// Roles, and what one user may do with the objects of a class in one session (app-configuration.md
// 5.1, 5.2, 5.5). Decided once when the session begins; per object only predicates are asked.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/schema.hpp"
#include "query/evaluate.hpp"
#include "query/image.hpp"
#include "query/run.hpp"
#include "rules/expression.hpp"

namespace realmsync::rules {

struct FieldRight {
    std::optional<bool> read, write; // not said: no
};

// A role that sync can use. One that it cannot (5.4) is told by `is_usable`: it ends the search.
struct Role {
    std::string name;
    Expression apply_when;
    bool is_usable = true;
    std::optional<Expression> read_filter, write_filter; // both there when it is usable
    std::optional<bool> read, write;
    std::optional<Expression> insert, erase; // not said: true
    std::map<std::string, FieldRight, std::less<>> fields;
    FieldRight additional_fields;
};

// The first role that applies, or null: none, which means no rights (5.2). `results` of the calls
// of each role's apply_when, in order.
const Role* choose(std::span<const Role> roles, const Context& context,
                   std::span<const std::vector<std::optional<model::Value>>> results = {});

// What may be done with one object. Bits by property index; `_id` is readable when anything is.
struct ObjectRights {
    std::vector<bool> readable, writable;
    bool insert = false; // an object like this one
    bool erase = false;
    bool is_visible() const;
};

// A user's rights in a class, made at the beginning of a session. Immutable.
class ClassRights {
  public:
    // Null role: no rights. The schema is kept alive.
    ClassRights(const Role* role, const Context& context, model::SchemaPtr schema,
                const model::Class& cls);

    // What the view of a subscription is cut down to: the objects that are visible.
    const query::PredicatePtr& view() const;

    ObjectRights on(const query::Image& object, query::Run& run) const;
    bool may_insert(const query::Image& after, query::Run& run) const;
    // `changed`: indexes of the properties that the change writes.
    bool may_update(const query::Image& before, const query::Image& after,
                    std::span<const std::size_t> changed, query::Run& run) const;
    bool may_delete(const query::Image& before, query::Run& run) const;

    // Equal for rights that are equal: sessions with equal ones share views, and a change of it is
    // a change of the role (flexible-sync.md 10.3).
    const std::string& digest() const;
};

} // namespace realmsync::rules
