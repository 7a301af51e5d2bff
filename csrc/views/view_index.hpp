// Which sessions a changed object concerns. Sessions with equal views share a group; the groups of
// an object are found by the values that their predicates pin (17.4), so that a commit costs what
// it touches, not who listens. One writer; the sessions' business is others'.
// Specification: flexible-sync.md 17.3, 17.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "query/evaluation/run.hpp"
#include "query/values/image.hpp"
#include "views/view.hpp"

namespace realmsync::views {

// Sessions with equal views: there as long as one of them holds it.
struct ViewGroup {
    std::uint64_t number; // ascending in the order of their making
    std::shared_ptr<const View> view;
};
using ViewGroupPtr = std::shared_ptr<const ViewGroup>;

class ViewIndex {
  public:
    ViewIndex();
    ~ViewIndex();

    // The group of a view, which is found by its objects from now on.
    // O(size of the view · log of what is registered), amortised.
    ViewGroupPtr take(const std::shared_ptr<const View>& view);

    // Groups in whose view the object is, by number. O(properties that predicates pin + candidates,
    // each of which is asked). Throws QueryFault (limit) as evaluators do.
    std::vector<ViewGroupPtr> groups_of(const query::Image& object, query::Run& run) const;
    std::vector<ViewGroupPtr> groups() const; // all, by number

  private:
    struct Predicate; // of one class, with the groups that have it
    struct OfClass;
    struct Registered {
        std::weak_ptr<const ViewGroup> group;
        std::string identity;
        std::vector<Predicate*> predicates;
    };

    Predicate& enter(const ClassView& cls, std::string identity);
    void leave(Predicate& predicate, std::uint64_t number);
    void forget(std::uint64_t number);
    void sweep();

    std::uint64_t next_ = 1;
    std::size_t sweep_at_ = 64; // groups, of which many are nobody's by then
    std::unordered_map<std::uint64_t, Registered> registered_;
    std::unordered_map<std::string, std::uint64_t> by_identity_;
    std::map<std::string, std::unique_ptr<OfClass>, std::less<>> classes_;
};

} // namespace realmsync::views
