// The roles of one user in one session of flexible sync: chosen when the session begins, whatever
// the schema of the app is then and later (app-configuration.md 5.2, 5.3). Who chooses them is
// realmsync/apps/permissions.py; what each gives in a class is rights.hpp's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/schema.hpp"
#include "rules/context.hpp"
#include "rules/rights.hpp"

namespace realmsync::rules {

using RolePtr = std::shared_ptr<const Role>; // null: none, that gives nothing
using RolesByClass = std::map<std::string, RolePtr>;

// Immutable; many threads may ask.
class SessionRoles {
  public:
    // `otherwise` is the role in classes that are not among `roles`: clients make some in
    // development mode.
    SessionRoles(RolesByClass roles, RolePtr otherwise, std::shared_ptr<const Context> context,
                 Extent extent = Extent::all);
    // Of an app that restricts nobody: every class may be read and written.
    static std::shared_ptr<const SessionRoles> everything(Extent extent = Extent::all);

    // The rights in a class; null: none, as in embedded classes and in those that the schema lacks.
    // Made when first asked for, and remembered as long as the schema is the same: a session has
    // one of these, and few of the classes.
    std::shared_ptr<const ClassRights> rights(const model::SchemaPtr& schema,
                                              const std::string& cls) const;

    // Bytes that are equal for roles and users that give equal rights in every schema, stable
    // across processes: a change of it is a change of the role (flexible-sync.md 10.3).
    const std::string& identity() const { return identity_; }
    // Classes whose role gives nothing because its filters are too large for this user; "" stands
    // for all that are not named.
    const std::vector<std::string>& too_large() const { return too_large_; }

  private:
    std::shared_ptr<const ClassRights> made(const model::SchemaPtr& schema,
                                            const std::string& cls) const;
    void set_identity();

    RolesByClass roles_;
    RolePtr otherwise_;
    std::shared_ptr<const Context> context_;
    Extent extent_;
    std::string identity_;
    std::vector<std::string> too_large_;

    struct Made {
        model::SchemaPtr schema;
        // Null ones are known to be none.
        std::map<std::string, std::shared_ptr<const ClassRights>> rights;
    };
    mutable std::shared_ptr<const Made> made_; // atomic
};

} // namespace realmsync::rules
