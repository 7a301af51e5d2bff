// Which sessions a changed object concerns. Sessions with equal views share a group; a group's
// classes are found from an object's image by the values that their predicates pin (17.4), so that
// a commit costs what it touches, not who listens. One writer; the sessions' business is others'.
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

using GroupId = std::uint64_t;

class ViewIndex {
  public:
    ViewIndex();
    ~ViewIndex();

    // The group of a view, which is counted: to be given back as often as it is taken.
    // O(size of the view · log of what is registered).
    GroupId take(const std::shared_ptr<const View>& view);
    void give_back(GroupId group);
    const std::shared_ptr<const View>& view(GroupId group) const;

    // Groups in whose view the object is, ascending. O(properties that predicates pin + candidates,
    // each of which is asked). Throws QueryFault (limit) as evaluators do.
    std::vector<GroupId> groups_of(const query::Image& object, query::Run& run) const;
    // Whether a change of these properties, by index and ascending, can move an object of the class
    // into a view or out of it.
    bool is_asked(std::string_view cls, const std::vector<std::size_t>& properties) const;

    std::size_t groups() const { return groups_.size(); }

  private:
    struct Predicate; // of one class, with the groups that have it
    struct OfClass;
    struct Group {
        std::shared_ptr<const View> view;
        std::size_t uses = 0;
        std::vector<Predicate*> predicates;
    };

    Predicate& enter(const ClassView& cls, std::string identity);
    void leave(Predicate& predicate, GroupId group);

    GroupId next_ = 1;
    std::unordered_map<GroupId, Group> groups_;
    std::unordered_map<std::string, GroupId> by_identity_;
    std::map<std::string, std::unique_ptr<OfClass>, std::less<>> classes_;
};

} // namespace realmsync::views
