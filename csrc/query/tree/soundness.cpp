// What is true of every tree that bind() makes, beyond what the types of tree.hpp say. Evaluators
// and printers rely on it, and so does whoever makes trees by hand.
#include "query/tree/soundness.hpp"

#include <algorithm>

namespace realmsync::query {

namespace {

bool is_own_link(const Path& path) {
    bool is_property = path.end_kind == Path::End::property && path.hops.empty();
    bool is_objects =
        path.end_kind == Path::End::object && path.hops.size() == 1 && !path.hops[0].backward;
    return path.type == Type::link && (is_property || is_objects);
}

// Keeps the first thing that is wrong. The depth of trees is bounded by the parser.
class Inspection {
  public:
    const std::string& found() const { return found_; }

    void look_at(const Predicate& predicate) {
        std::visit([this](const auto& of) { look_at(of); }, predicate.of);
    }

    void look_at_key(const Path& path) { // of a clause
        look_at(path);
        expect(!path.is_multiple, "a clause has a path of several values");
        expect(path.end_kind == Path::End::property, "a clause has no property");
    }

  private:
    void expect(bool holds, const char* otherwise) {
        if (!holds && found_.empty())
            found_ = otherwise;
    }

    void look_at(const Path& path) {
        expect(path.root && path.cls, "a path has no class");
        expect(path.hop_elements.size() == path.hops.size(), "choices do not fit the hops");
        const model::Class* at = path.root;
        for (std::size_t i = 0; i < path.hops.size() && found_.empty(); ++i) {
            const Hop& hop = path.hops[i];
            expect(hop.property < hop.cls->properties.size(), "a hop has no property");
            const model::Property& property = hop.definition();
            expect(property.type == Type::link, "a hop is no link");
            expect(hop.backward ? property.target == at->name : hop.cls == at,
                   "a hop does not start where the path is");
            expect(hop.backward ? hop.target == hop.cls : hop.target->name == property.target,
                   "a hop leads elsewhere");
            bool may_choose = !hop.backward && (property.collection == Collection::list ||
                                                property.collection == Collection::dictionary);
            expect(path.hop_elements[i].empty() || may_choose, "a choice without a collection");
            at = hop.target;
        }
        expect(path.cls == at, "a path ends where its hops do not lead");
        if (path.end_kind == Path::End::property)
            look_at_end(path);
        else
            expect(path.elements.empty(), "objects have elements");
        if (path.end_kind == Path::End::object)
            expect(!path.hops.empty(), "objects without a hop");
    }

    void look_at_end(const Path& path) {
        expect(path.property < path.cls->properties.size(), "a path has no property");
        if (!found_.empty())
            return;
        const model::Property& end = path.definition();
        bool has_elements = end.collection != Collection::single || end.type == kMixed;
        expect(path.elements.empty() || has_elements, "elements of a single value");
        bool nests = end.type == kMixed || end.collection == Collection::dictionary;
        expect(path.elements.size() < 2 || nests, "elements nest outside of Mixed");
        bool is_list = end.collection == Collection::list || end.collection == Collection::set;
        expect(path.ending != Ending::length || is_list, "a length without a list");
    }

    void look_at(const Operand& operand) {
        if (const auto* path = std::get_if<PathOperand>(&operand.of)) {
            look_at(path->path);
            expect(operand.is_multiple == path->path.is_multiple, "an operand is not as its path");
            expect(operand.type == path->path.type, "the type of an operand is not of its path");
        } else if (const auto* count = std::get_if<SubqueryCount>(&operand.of)) {
            look_at(count->path);
            look_at(*count->predicate);
            expect(count->path.end_kind == Path::End::object, "a subquery has no objects");
            expect(operand.type == Type::integer, "a count is no integer");
        } else if (const auto* arithmetic = std::get_if<Arithmetic>(&operand.of)) {
            look_at(*arithmetic->left);
            look_at(*arithmetic->right);
            expect(!arithmetic->left->is_multiple || !arithmetic->right->is_multiple,
                   "arithmetic of two lists");
        } else if (std::holds_alternative<ConstantList>(operand.of)) {
            expect(operand.is_multiple, "a list is one value");
        } else {
            look_at(std::get<Constant>(operand.of));
            expect(!operand.is_multiple, "a constant is several values");
        }
    }

    void look_at(const Constant& constant) {
        expect(!constant.value.is_container(), "a constant is a collection");
    }

    void look_at(const Comparison& comparison) {
        look_at(comparison.left);
        look_at(comparison.right);
        expect(comparison.op != Operator::in && comparison.op != Operator::between &&
                   comparison.op != Operator::text,
               "an operator has a node of its own");
        look_at_meeting(comparison);
    }

    void look_at_meeting(const Comparison& comparison) {
        const Operand &left = comparison.left, &right = comparison.right;
        if (comparison.meeting == Meeting::generic)
            return;
        if (comparison.meeting == Meeting::sequence) {
            expect(left.is_multiple && right.is_multiple, "a sequence is one value");
            expect(left.quantifier == Quantifier::unsaid && right.quantifier == Quantifier::unsaid,
                   "a sequence is quantified");
            return;
        }
        const auto* operand = std::get_if<PathOperand>(&left.of);
        const auto* constant = std::get_if<Constant>(&right.of);
        expect(operand != nullptr, "a column is no path");
        if (!found_.empty())
            return;
        if (comparison.meeting == Meeting::link_column) {
            expect(is_own_link(operand->path), "a link is not of the object itself");
            expect(constant || std::holds_alternative<ConstantList>(right.of), "no constant");
            return;
        }
        expect(operand->path.is_column(), "a column is no column");
        expect(constant != nullptr, "a column meets no constant");
        if (constant)
            expect(constant->value.is_null() || constant->value.type() == left.type,
                   "a column meets a constant of another type");
    }

    void look_at(const Membership& membership) {
        look_at(membership.path);
        expect(membership.path.is_column(), "membership without a column");
        expect(!membership.items.empty(), "membership in nothing");
        for (const Constant& item : membership.items)
            expect(item.value.is_null() || item.value.type() == membership.path.type,
                   "a member has another type");
    }

    void look_at(const Between& between) {
        look_at(between.path);
        expect(between.path.is_column(), "BETWEEN without a column");
        expect(between.low.value.type() == between.path.type &&
                   between.high.value.type() == between.path.type,
               "a bound has another type");
    }

    void look_at(const GeoWithin& within) {
        look_at(within.path);
        expect(within.path.end_kind == Path::End::object, "a place is no object");
        expect(within.area != nullptr, "a region without its area");
        expect(!fault(within.region), "a region is none");
    }

    void look_at(const TextMatch& match) {
        look_at(match.path);
        expect(match.path.type == Type::string, "text is no string");
    }

    void look_at(const Truth&) {}

    void look_at(const Not& negated) { look_at(*negated.of); }

    void look_at(const Group& group) {
        expect(group.members.size() > 1, "a group of one");
        for (const PredicatePtr& member : group.members)
            look_at(*member);
    }

    std::string found_;
};

} // namespace

std::string unsoundness(const Query& query) {
    Inspection inspection;
    inspection.look_at(*query.predicate);
    for (const Clause& clause : query.clauses) {
        if (const auto* sort = std::get_if<Sort>(&clause))
            for (const SortKey& key : sort->keys)
                inspection.look_at_key(key.path);
        if (const auto* distinct = std::get_if<Distinct>(&clause))
            for (const Path& path : distinct->paths)
                inspection.look_at_key(path);
    }
    return inspection.found();
}

} // namespace realmsync::query
