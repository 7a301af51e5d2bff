// What one session is shown: the objects that its query set asks for and its user may see, and the
// fields of each that he may read. A pure function of an object's image, so membership is stored
// nowhere (flexible-sync.md 17.1, K1, K17). What becomes of an object over time is fold.hpp's,
// which views a commit concerns view_index.hpp's.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.hpp"
#include "query/evaluation/evaluate.hpp"
#include "query/evaluation/run.hpp"
#include "query/tree/needs.hpp"
#include "query/tree/tree.hpp"
#include "query/values/image.hpp"
#include "rules/session_roles.hpp"
#include "views/entry_images.hpp"
#include "views/fold.hpp"
#include "views/query_set.hpp"

namespace realmsync::views {

// What a view shows besides of some of its objects.
struct PartOfClass {
    query::PredicatePtr stated;
    query::Query query; // those of the objects in the view
    query::Evaluator evaluator;
    rules::Fields fields;
};

// A class of a view.
struct ClassView {
    const model::Class* cls = nullptr;
    query::Query query; // subscriptions and read filter
    query::Evaluator evaluator;
    std::vector<PartOfClass> parts;   // nearly always none
    std::vector<rules::Fields> shown; // by which of the parts have an object, as bits
    query::PredicatePtr stated;       // before it was brought into normal form
    std::vector<std::size_t> asked;   // properties that the queries read, ascending

    // The same of another schema's class, which may have more properties.
    query::Needs needs(const model::Class& of) const {
        query::Needs needs;
        needs.properties[&of] = {asked.begin(), asked.end()};
        return needs;
    }
};

// Immutable; many threads may ask, each with a run of its own.
class View {
  public:
    // Nothing is seen by an empty one. Throws QueryFault (limit) for filters that are too large.
    View() = default;
    View(const model::SchemaPtr& schema, const QuerySet& queries, const rules::SessionRoles& roles);
    // What bytes() gave; classes that the schema does not have are left out. Throws StoreError
    // (corrupt).
    View(const model::SchemaPtr& schema, std::string_view bytes);
    // For storage: the same view by another schema with more classes and properties.
    std::string bytes() const;

    const std::map<std::string, ClassView, std::less<>>& classes() const { return classes_; }
    const ClassView* find(std::string_view cls) const;
    // `object`: null where there is none. Its class is one of a schema that has all properties of
    // the view's at the same index. Throws QueryFault (limit) as evaluators do.
    Presence presence(const query::Image* object, query::Run& run) const;
    // Where an object stood before an entry of the history, and after it.
    Presence before(const ObjectImages& images, query::Run& run) const;
    Presence after(const ObjectImages& images, query::Run& run) const;

    // Equal bytes: the same objects and fields, at every version.
    const std::string& identity() const { return identity_; }

  private:
    void add(const model::SchemaPtr& schema, const model::Class& cls,
             const query::PredicatePtr& stated, const rules::Fields& shown,
             std::span<const rules::Sight> of_some);

    std::map<std::string, ClassView, std::less<>> classes_;
    std::string identity_;
};

// Whether nothing of an object that stands so is hidden. O(properties).
bool is_shown_whole(const model::Class& cls, const Presence& presence);

} // namespace realmsync::views
