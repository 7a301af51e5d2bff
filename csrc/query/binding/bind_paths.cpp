// Key paths as far as they lead from object to object: links, embedded objects, backlinks, and
// choices among the members of a list or dictionary of links (query-language.md sections 7, 13).
#include "query/binding/binder.hpp"

namespace realmsync::query {

namespace {

constexpr std::string_view kBacklinks = "@links";

// Steps of a key path. Functions that walk along one call themselves at each step.
constexpr std::size_t kMaxSteps = 100;

} // namespace

// A key path argument holds the whole path; a dot ends a name there and nothing else does, so that
// names which no identifier can spell are reached, too (section 6).
std::vector<Binder::Piece> Binder::pieces_of_argument(const syntax::Step& step) {
    std::string name = "$K" + std::to_string(step.index);
    const Argument& argument = argument_at(step.index, step.position);
    const auto* value = std::get_if<model::Value>(&argument);
    if (std::holds_alternative<ArgumentList>(argument) || (value && value->is_null()))
        refuse_argument("Null or list cannot be used for parameter '" + name + "'", step.position);
    const std::string* text = value ? std::get_if<std::string>(&value->data) : nullptr;
    if (!text)
        refuse_argument("Invalid index type for '" + name +
                            "'. Expected a string, but found type '" +
                            (value ? query::name(kind_of(*value)) : "geospatial") + "'",
                        step.position);
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at <= text->size();) {
        std::size_t end = std::min(text->find('.', at), text->size());
        Piece piece;
        piece.key = text->substr(at, end - at);
        piece.is_name = true;
        piece.position = step.position;
        pieces.push_back(std::move(piece));
        at = end + 1;
    }
    return pieces;
}

// path[$0]
Binder::Piece Binder::index_argument(const syntax::Step& step) {
    const auto* value = std::get_if<model::Value>(&argument_at(step.index, step.position));
    if (!value || value->is_null())
        refuse("Invalid index parameter", step.position);
    Piece piece;
    piece.position = step.position;
    if (const auto* index = std::get_if<std::int64_t>(&value->data)) {
        if (*index < -1)
            refuse("Invalid index parameter", step.position);
        piece.kind = *index == -1  ? Piece::Kind::last
                     : *index == 0 ? Piece::Kind::first
                                   : Piece::Kind::index;
        piece.index = static_cast<std::uint64_t>(*index);
    } else if (const auto* key = std::get_if<std::string>(&value->data)) {
        piece.key = *key;
    } else {
        refuse("Invalid index type", step.position);
    }
    return piece;
}

std::vector<Binder::Piece> Binder::pieces(const syntax::Path& text) {
    using Step = syntax::Step;
    if (text.steps[0].kind == Step::Kind::argument) {
        if (text.steps.size() > 1)
            refuse("Key path argument cannot be mixed with other elements", text.position);
        return pieces_of_argument(text.steps[0]);
    }
    std::vector<Piece> pieces;
    pieces.reserve(text.steps.size());
    for (const Step& step : text.steps) {
        Piece piece;
        piece.position = step.position;
        switch (step.kind) {
        case Step::Kind::name:
        case Step::Kind::key:
            piece.key = step.text;
            piece.is_name = step.kind == Step::Kind::name;
            break;
        case Step::Kind::index:
            piece.kind = step.index == 0 ? Piece::Kind::first : Piece::Kind::index;
            piece.index = step.index;
            break;
        case Step::Kind::first: piece.kind = Piece::Kind::first; break;
        case Step::Kind::last: piece.kind = Piece::Kind::last; break;
        case Step::Kind::all: piece.kind = Piece::Kind::all; break;
        case Step::Kind::argument: piece = index_argument(step); break;
        }
        pieces.push_back(std::move(piece));
    }
    return pieces;
}

// @links takes the two names behind it: it is one step.
void Binder::join_backlinks(std::vector<Piece>& pieces) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i, ++kept) {
        Piece piece = std::move(pieces[i]);
        if (piece.is_name && piece.key == kBacklinks && i + 1 < pieces.size()) {
            for (int names = 0; names < 2 && i + 1 < pieces.size(); ++names) {
                if (pieces[++i].kind != Piece::Kind::key)
                    refuse("An ID must follow @links", pieces[i].position);
                piece.key += "." + pieces[i].key;
            }
        }
        pieces[kept] = std::move(piece);
    }
    pieces.resize(kept);
}

Binder::Walk Binder::walk(const syntax::Path& text) {
    Walk walk;
    walk.pieces = pieces(text);
    if (walk.pieces.size() > kMaxSteps)
        throw QueryFault(FaultKind::limit,
                         "A key path has more than " + std::to_string(kMaxSteps) + " steps",
                         text.position);
    join_backlinks(walk.pieces);
    walk.path.root = walk.at = cls_;
    const Piece& last = walk.pieces.back();
    if (last.is_name && last.key == kBacklinks) {
        walk.ends_in_links = true;
        walk.pieces.pop_back();
    }
    while (!walk.at_end() && follow(walk, walk.pieces[walk.next]))
        ++walk.next;
    return walk;
}

std::size_t Binder::property_at(const model::Class& cls, const Piece& piece) const {
    if (piece.kind != Piece::Kind::key)
        refuse("[" + spelled(piece) + "] not expected", piece.position);
    std::string name = names_.property(cls, piece.key, piece.position);
    std::size_t property = cls.find(name);
    if (property == model::Class::npos)
        refuse("'" + cls.name + "' has no property '" + name + "'", piece.position);
    return property;
}

void Binder::follow_backlink(Walk& walk, const Piece& piece, std::string_view name) {
    name.remove_prefix(kBacklinks.size() + 1);
    std::size_t dot = name.find('.');
    std::string class_name = names_.class_name(name.substr(0, dot), piece.position);
    std::string property_name(dot == name.npos ? name : name.substr(dot + 1));
    const model::Class* source = schema_->find(class_name);
    std::size_t property = model::Class::npos;
    if (source) {
        property_name = names_.property(*source, property_name, piece.position);
        property = source->find(property_name);
    }
    if (property == model::Class::npos || source->properties[property].type != Type::link ||
        source->properties[property].target != walk.at->name)
        refuse("No property '" + property_name + "' found in type '" + class_name +
                   "' which links to type '" + walk.at->name + "'",
               piece.position);
    walk.path.hops.push_back({source, property, true, source});
    walk.path.hop_elements.emplace_back();
    walk.at = source;
}

// Takes a step to other objects, or chooses among those that the last one led to. False if the
// piece does neither.
bool Binder::follow(Walk& walk, const Piece& piece) {
    // A key in brackets is one wherever it can be; a name is that of a property first.
    if (!piece.is_name && choose(walk, piece))
        return true;
    if (piece.kind == Piece::Kind::key) {
        std::string name = names_.property(*walk.at, piece.key, piece.position);
        std::vector<Hop>& hops = walk.path.hops;
        if (name.starts_with("@links.") && piece.is_name) {
            follow_backlink(walk, piece, name);
            return true;
        }
        if (name == "@values" && piece.is_name) {
            if (hops.empty() || hops.back().backward ||
                hops.back().definition().collection != Collection::dictionary)
                refuse("@values only allowed on dictionaries", piece.position);
            return true;
        }
        if (name.empty()) // a variable of SUBQUERY: the object itself
            return true;
        std::size_t property = walk.at->find(name);
        // A property of the target comes before a key of the dictionary that led there.
        if (property != model::Class::npos) {
            if (walk.at->properties[property].type != Type::link)
                return false;
            const model::Class* target = schema_->find(walk.at->properties[property].target);
            if (!target)
                refuse("'" + walk.at->name + "' has no property '" + name + "'", piece.position);
            hops.push_back({walk.at, property, false, target});
            walk.path.hop_elements.emplace_back();
            walk.at = target;
            return true;
        }
    }
    return piece.is_name && choose(walk, piece);
}

bool Binder::choose(Walk& walk, const Piece& piece) {
    if (walk.path.hops.empty() || walk.path.hops.back().backward)
        return false;
    std::vector<Element>& chosen = walk.path.hop_elements.back();
    Collection collection = walk.path.hops.back().definition().collection;
    if (!chosen.empty() || collection == Collection::single || collection == Collection::set)
        return false;
    if (piece.kind == Piece::Kind::all) // as without it
        return true;
    if ((piece.kind == Piece::Kind::key) != (collection == Collection::dictionary))
        return false;
    chosen.push_back(element_of(piece));
    return true;
}

Element Binder::element_of(const Piece& piece) {
    Element element;
    switch (piece.kind) {
    case Piece::Kind::index:
        element.kind = Element::Kind::index;
        element.index = piece.index;
        break;
    case Piece::Kind::first: element.kind = Element::Kind::first; break;
    case Piece::Kind::last: element.kind = Element::Kind::last; break;
    case Piece::Kind::all: element.kind = Element::Kind::all; break;
    case Piece::Kind::key:
        if (piece.is_name && piece.key == "@keys") {
            element.kind = Element::Kind::keys;
        } else if (piece.is_name && piece.key == "@values") {
            element.kind = Element::Kind::values;
        } else {
            element.kind = Element::Kind::key;
            element.key = piece.key;
        }
        break;
    }
    return element;
}

std::string Binder::spelled(const Piece& piece) {
    switch (piece.kind) {
    case Piece::Kind::key: return piece.key;
    case Piece::Kind::index: return std::to_string(piece.index);
    case Piece::Kind::first: return "FIRST";
    case Piece::Kind::last: return "LAST";
    case Piece::Kind::all: return "*";
    }
    return {};
}

} // namespace realmsync::query
