#include "views/view_index.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/assert.hpp"
#include "base/sorted_unique.hpp"
#include "query/tree/needs.hpp"
#include "query/tree/normal_form.hpp"
#include "views/access_keys.hpp"

namespace realmsync::views {

struct ViewIndex::Predicate {
    OfClass* cls;
    std::string identity;
    const query::Evaluator* evaluator; // of the view that is kept
    std::shared_ptr<const View> view;  // one of those that have it
    std::optional<AccessKeys> keys;    // none: everything is a candidate
    std::set<std::size_t> properties;  // that it reads
    std::vector<GroupId> groups;       // ascending
};

struct ViewIndex::OfClass {
    std::map<std::string, std::unique_ptr<Predicate>, std::less<>> predicates; // by identity
    std::unordered_map<std::string, std::vector<Predicate*>> by_key;
    std::map<std::size_t, std::size_t> keyed; // properties, and how many predicates have keys there
    std::map<std::size_t, std::size_t> asked; // properties that predicates read, likewise
    std::vector<Predicate*> unkeyed;
};

namespace {

void count(std::map<std::size_t, std::size_t>& uses, std::size_t property) { ++uses[property]; }

void discount(std::map<std::size_t, std::size_t>& uses, std::size_t property) {
    const auto found = uses.find(property);
    if (--found->second == 0)
        uses.erase(found);
}

} // namespace

ViewIndex::ViewIndex() = default;
ViewIndex::~ViewIndex() = default;

GroupId ViewIndex::take(const std::shared_ptr<const View>& view) {
    const auto [known, is_new] = by_identity_.emplace(view->identity(), next_);
    Group& group = groups_[known->second];
    ++group.uses;
    if (!is_new)
        return known->second;
    group.view = view;
    for (const auto& [name, cls] : view->classes()) {
        Predicate& predicate = enter(cls, query::canonical_bytes(cls.query));
        if (!predicate.view) {
            predicate.view = view;
            predicate.evaluator = &cls.evaluator;
        }
        predicate.groups.push_back(next_); // the newest: ascending
        group.predicates.push_back(&predicate);
    }
    return next_++;
}

void ViewIndex::give_back(GroupId id) {
    const auto found = groups_.find(id);
    REALMSYNC_ASSERT(found != groups_.end());
    if (--found->second.uses != 0)
        return;
    for (Predicate* predicate : found->second.predicates)
        leave(*predicate, id);
    by_identity_.erase(found->second.view->identity());
    groups_.erase(found);
}

const std::shared_ptr<const View>& ViewIndex::view(GroupId group) const {
    return groups_.at(group).view;
}

ViewIndex::Predicate& ViewIndex::enter(const ClassView& cls, std::string identity) {
    std::unique_ptr<OfClass>& of_class = classes_[cls.cls->name];
    if (!of_class)
        of_class = std::make_unique<OfClass>();
    std::unique_ptr<Predicate>& slot = of_class->predicates[identity];
    if (slot)
        return *slot;
    slot = std::make_unique<Predicate>();
    Predicate& predicate = *slot;
    predicate.cls = of_class.get();
    predicate.identity = std::move(identity);
    predicate.keys = access_keys(*cls.query.predicate);
    for (const auto& [owner, properties] : query::needs_of(cls.query).properties)
        if (owner->name == cls.cls->name)
            predicate.properties = properties;
    for (const std::size_t property : predicate.properties)
        count(of_class->asked, property);
    if (!predicate.keys) {
        of_class->unkeyed.push_back(&predicate);
        return predicate;
    }
    for (const std::size_t property : predicate.keys->properties)
        count(of_class->keyed, property);
    for (const std::string& key : predicate.keys->keys)
        of_class->by_key[key].push_back(&predicate);
    return predicate;
}

void ViewIndex::leave(Predicate& predicate, GroupId group) {
    std::erase(predicate.groups, group);
    if (!predicate.groups.empty())
        return;
    OfClass& of_class = *predicate.cls;
    for (const std::size_t property : predicate.properties)
        discount(of_class.asked, property);
    if (predicate.keys) {
        for (const std::size_t property : predicate.keys->properties)
            discount(of_class.keyed, property);
        for (const std::string& key : predicate.keys->keys) {
            const auto found = of_class.by_key.find(key);
            std::erase(found->second, &predicate);
            if (found->second.empty())
                of_class.by_key.erase(found);
        }
    } else {
        std::erase(of_class.unkeyed, &predicate);
    }
    of_class.predicates.erase(predicate.identity);
}

std::vector<GroupId> ViewIndex::groups_of(const query::Image& object, query::Run& run) const {
    std::vector<GroupId> groups;
    const auto found = classes_.find(object.cls->name);
    if (found == classes_.end())
        return groups;
    const OfClass& of_class = *found->second;
    std::vector<const Predicate*> candidates(of_class.unkeyed.begin(), of_class.unkeyed.end());
    for (const auto& [property, uses] : of_class.keyed)
        visit_keys(object, property, [&](const std::string& key) {
            if (const auto of_key = of_class.by_key.find(key); of_key != of_class.by_key.end())
                candidates.insert(candidates.end(), of_key->second.begin(), of_key->second.end());
        });
    sort_unique(candidates);
    for (const Predicate* predicate : candidates)
        if (predicate->evaluator->matches(object, run))
            groups.insert(groups.end(), predicate->groups.begin(), predicate->groups.end());
    sort_unique(groups);
    return groups;
}

bool ViewIndex::is_asked(std::string_view cls, const std::vector<std::size_t>& properties) const {
    const auto found = classes_.find(cls);
    return found != classes_.end() && std::ranges::any_of(properties, [&](std::size_t property) {
               return found->second->asked.contains(property);
           });
}

} // namespace realmsync::views
