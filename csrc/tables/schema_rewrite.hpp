// Gives classes of a client's file other definitions, and their objects the form for them: what
// additions cannot do (data-model.md 15.5). A class whose definition changes, or what its columns
// hold, is built anew in a table of its own: plain columns and keys are moved by SQL, what lies
// deeper by value_rewrite.hpp. O(objects of these classes), whatever the change.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "model/schema.hpp"
#include "tables/tables.hpp"

namespace realmsync::tables {

// Objects that the new definitions do not allow. The caller rolls its transaction back.
class RewriteFailed : public ErrorException {
  public:
    explicit RewriteFailed(const std::string& what) : ErrorException({ErrorKind::schema, what}) {}
};

struct Rewriting {
    // Every class that there is afterwards, whatever of its definition is the same; SQL names do
    // not count. A property keeps its values if its type is the same and takes them all, and else
    // begins as in a new object. A class that is embedded now goes into the objects that link to
    // it; one that is embedded no more, and has no primary key, comes out of those that held it.
    model::Schema target;
    // Class and name of properties that were called otherwise before.
    std::map<std::pair<std::string, std::string>, std::string> former_names;
    // By class: primary keys, and what they become. Others stay, or are what the new primary key
    // holds.
    std::map<std::string, std::vector<std::pair<model::ObjectKey, model::ObjectKey>>> keys;
    // When a class becomes embedded: what nobody links to goes, what several link to is copied.
    bool is_lenient = false;
};

// In the caller's transaction, with nothing pending. False, and nothing is done, where additions
// do. RewriteFailed.
bool rewrite(Tables& tables, const Rewriting& what);

} // namespace realmsync::tables
