#include "views/view_index.hpp"

#include <algorithm>
#include <utility>

#include "base/sorted_unique.hpp"
#include "query/tree/normal_form.hpp"
#include "views/access_keys.hpp"

namespace realmsync::views {

struct ViewIndex::Predicate {
    OfClass* cls;
    std::string identity;
    const query::Evaluator* evaluator; // of the view that is kept
    std::shared_ptr<const View> view;  // one of those that have it
    std::optional<AccessKeys> keys;    // none: everything is a candidate
    std::vector<std::uint64_t> groups; // numbers, ascending
};

struct ViewIndex::OfClass {
    std::map<std::string, std::unique_ptr<Predicate>, std::less<>> predicates; // by identity
    std::unordered_map<std::string, std::vector<Predicate*>> by_key;
    std::map<std::size_t, std::size_t> keyed; // properties, and how many predicates have keys there
    std::vector<Predicate*> unkeyed;
};

namespace {

// Who asks for more than the run allows finds out by himself: a commit waits for nobody's query.
// After some of these faults nobody is asked any more, as there is little left.
bool may_match(const query::Evaluator& evaluator, const query::Image& object, query::Run& run,
               unsigned& faults) {
    constexpr unsigned kFaults = 8;
    if (faults >= kFaults)
        return true;
    try {
        return evaluator.matches(object, run);
    } catch (const query::QueryFault&) { // limit
        ++faults;
        return true;
    }
}

} // namespace

ViewIndex::ViewIndex() = default;
ViewIndex::~ViewIndex() = default;

ViewGroupPtr ViewIndex::take(const std::shared_ptr<const View>& view) {
    if (const auto known = by_identity_.find(view->identity()); known != by_identity_.end()) {
        if (auto group = registered_.at(known->second).group.lock())
            return group;
        forget(known->second);
    }
    if (registered_.size() >= sweep_at_)
        sweep();
    auto group = std::make_shared<const ViewGroup>(ViewGroup{next_++, view});
    by_identity_.emplace(view->identity(), group->number);
    Registered& registered = registered_[group->number];
    registered.group = group;
    registered.identity = view->identity();
    for (const auto& [name, cls] : view->classes()) {
        Predicate& predicate = enter(cls, query::canonical_bytes(cls.query));
        if (!predicate.view) {
            predicate.view = view;
            predicate.evaluator = &cls.evaluator;
        }
        predicate.groups.push_back(group->number); // the newest: ascending
        registered.predicates.push_back(&predicate);
    }
    return group;
}

void ViewIndex::forget(std::uint64_t number) {
    const auto found = registered_.find(number);
    for (Predicate* predicate : found->second.predicates)
        leave(*predicate, number);
    by_identity_.erase(found->second.identity);
    registered_.erase(found);
}

// As often as there are twice as many groups as somebody held last time.
void ViewIndex::sweep() {
    std::vector<std::uint64_t> gone;
    for (const auto& [number, registered] : registered_)
        if (registered.group.expired())
            gone.push_back(number);
    for (const std::uint64_t number : gone)
        forget(number);
    sweep_at_ = std::max<std::size_t>(64, 2 * registered_.size());
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
    if (!predicate.keys) {
        of_class->unkeyed.push_back(&predicate);
        return predicate;
    }
    for (const std::size_t property : predicate.keys->properties)
        ++of_class->keyed[property];
    for (const std::string& key : predicate.keys->keys)
        of_class->by_key[key].push_back(&predicate);
    return predicate;
}

void ViewIndex::leave(Predicate& predicate, std::uint64_t number) {
    std::erase(predicate.groups, number);
    if (!predicate.groups.empty())
        return;
    OfClass& of_class = *predicate.cls;
    if (predicate.keys) {
        for (const std::size_t property : predicate.keys->properties)
            if (const auto uses = of_class.keyed.find(property); --uses->second == 0)
                of_class.keyed.erase(uses);
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

std::vector<ViewGroupPtr> ViewIndex::groups_of(const query::Image& object, query::Run& run) const {
    const auto found = classes_.find(object.cls->name);
    if (found == classes_.end())
        return {};
    const OfClass& of_class = *found->second;
    std::vector<const Predicate*> candidates(of_class.unkeyed.begin(), of_class.unkeyed.end());
    for (const auto& [property, uses] : of_class.keyed)
        visit_keys(object, property, [&](const std::string& key) {
            if (const auto of_key = of_class.by_key.find(key); of_key != of_class.by_key.end())
                candidates.insert(candidates.end(), of_key->second.begin(), of_key->second.end());
        });
    sort_unique(candidates);
    std::vector<std::uint64_t> numbers;
    unsigned faults = 0;
    for (const Predicate* predicate : candidates)
        if (may_match(*predicate->evaluator, object, run, faults))
            numbers.insert(numbers.end(), predicate->groups.begin(), predicate->groups.end());
    sort_unique(numbers);
    std::vector<ViewGroupPtr> groups;
    for (const std::uint64_t number : numbers)
        if (auto group = registered_.at(number).group.lock())
            groups.push_back(std::move(group));
    return groups;
}

std::vector<ViewGroupPtr> ViewIndex::groups() const {
    std::vector<ViewGroupPtr> groups;
    for (const auto& [number, registered] : registered_)
        if (auto group = registered.group.lock())
            groups.push_back(std::move(group));
    std::ranges::sort(groups, {}, [](const ViewGroupPtr& group) { return group->number; });
    return groups;
}

} // namespace realmsync::views
